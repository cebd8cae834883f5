import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Answers archive requests by path, as codeload.github.com does. */
export interface TestArchiveHost {
  url: string;
  /** Paths that were asked for, in order. */
  requests: string[];
  /** What a repository's ref answers with from now on: bytes, or whatever a listener does. */
  serve(repository: string, ref: string, answer: Uint8Array | RequestListener): void;
  close(): Promise<void>;
}

export async function startArchiveHost(): Promise<TestArchiveHost> {
  const answers = new Map<string, Uint8Array | RequestListener>();
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(request.url ?? "");
    const answer = answers.get(request.url ?? "");
    if (answer === undefined) response.writeHead(404, { "content-type": "text/plain" }).end("404: Not Found");
    else if (typeof answer === "function") answer(request, response);
    else response.writeHead(200, { "content-type": "application/x-gzip" }).end(answer);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    serve: (repository, ref, answer) => void answers.set(`/${repository}/tar.gz/${ref}`, answer),
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export interface RepositoryOptions {
  /** Path and text; a link's target is marked by `->`. */
  files: Record<string, string | Uint8Array>;
  /** The folder in the archive; none packs the files bare. */
  folder?: string;
}

/** Commits the files to a new repository and packs it with `git archive`, as GitHub does. */
export async function packRepository({ files, folder }: RepositoryOptions): Promise<{ archive: Buffer; commit: string }> {
  const directory = await mkdtemp(path.join(tmpdir(), "whs-repository-"));
  const git = (...args: string[]) =>
    run(
      "git",
      ["-c", "user.name=test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false", "-c", "core.autocrlf=false", ...args],
      {
        cwd: directory,
        encoding: "buffer",
        maxBuffer: 64 * 1024 * 1024,
        env: { PATH: process.env["PATH"], HOME: directory, GIT_CONFIG_NOSYSTEM: "1" },
      },
    );
  try {
    await git("init", "-q");
    for (const [name, content] of Object.entries(files)) {
      const file = path.join(directory, name);
      await mkdir(path.dirname(file), { recursive: true });
      if (typeof content === "string" && content.startsWith("->")) await symlink(content.slice(2), file);
      else await writeFile(file, content);
    }
    await git("add", "-A");
    await git("commit", "-q", "-m", "files");
    const { stdout: commit } = await git("rev-parse", "HEAD");
    const { stdout: archive } = await git("archive", "--format=tar.gz", ...(folder === undefined ? [] : [`--prefix=${folder}/`]), "HEAD");
    return { archive, commit: commit.toString().trim() };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
