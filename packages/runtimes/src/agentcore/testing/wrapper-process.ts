/** The wrapper as it runs in a container, without one: the same text, started by the same Node. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { AGENT_FOLDER, type AgentDescription, DESCRIPTION_FILE, ENV_PREFIX, WRAPPER_FILE } from "../protocol.ts";
import { assembleWrapper } from "../wrapper/assemble.ts";

export interface WrapperProcess {
  url: string;
  /** What it wrote to its standard output. */
  output: string[];
  child: ChildProcess;
  post(body: unknown, headers?: Record<string, string>): Promise<Response>;
  /** Sends SIGTERM and gives the exit code. */
  stop(): Promise<number | null>;
  close(): Promise<void>;
}
export interface WrapperOptions {
  sessionful?: boolean;
  env?: Record<string, string>;
  /** Folder for sessions; none: they live in memory. */
  mount?: string;
  types?: AgentDescription["modules"];
  /** How long invocations may go on after SIGTERM. */
  drainMs?: number;
}

let assembled: Promise<string> | undefined;

export async function startWrapper(files: Record<string, string | Buffer>, options: WrapperOptions = {}): Promise<WrapperProcess> {
  const root = await mkdtemp(path.join(tmpdir(), "whs-wrapper-"));
  const modules = Object.fromEntries(Object.keys(files).map((name) => [name, options.types?.[name] ?? ("esm" as const)]));
  const description: AgentDescription = { mainModule: "agent.js", modules, sessionful: options.sessionful ?? true };
  await writeFile(path.join(root, DESCRIPTION_FILE), JSON.stringify(description));
  await writeFile(path.join(root, WRAPPER_FILE), await (assembled ??= assembleWrapper()));
  for (const [name, content] of Object.entries(files)) {
    const file = path.join(root, AGENT_FOLDER, name);
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, content);
  }
  const variables = Object.entries(options.env ?? {}).map(([name, value]) => [ENV_PREFIX + name, value]);
  const args = [
    path.join(root, WRAPPER_FILE),
    root,
    "0",
    options.mount ?? path.join(root, "no such folder"),
    ...(options.drainMs === undefined ? [] : [String(options.drainMs)]),
  ];
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", ...args], {
    env: Object.fromEntries(variables),
    stdio: ["ignore", "pipe", "inherit"],
  });
  const gone = once(child, "exit") as Promise<[number | null]>;
  const output: string[] = [];
  const port = await new Promise<string>((resolve, reject) => {
    void gone.then(([code]) => reject(new Error(`The wrapper ended with ${code}: ${output.join("\n")}`)));
    createInterface({ input: child.stdout }).on("line", (line) => {
      output.push(line);
      const listening = /listening on port (\d+)/.exec(line);
      if (listening?.[1] !== undefined) resolve(listening[1]);
    });
  });
  const url = `http://127.0.0.1:${port}`;
  return {
    url,
    output,
    child,
    post: (body, headers = {}) =>
      fetch(`${url}/invocations`, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: typeof body === "string" ? body : JSON.stringify(body),
      }),
    async stop() {
      child.kill("SIGTERM");
      return (await gone)[0];
    },
    async close() {
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
      await gone;
      await rm(root, { recursive: true, force: true });
    },
  };
}
