import { createHash } from "node:crypto";
import { mkdir, readdir, rm } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { join } from "node:path";
import type { ArchiveEntry } from "./archive-entry.ts";
import { OpenDirectory } from "./open-directory.ts";
import { readArchive, type ReadOptions } from "./read-archive.ts";
import type { ArchiveSource } from "./source.ts";

export interface BundleFile {
  path: string;
  /** Bytes. */
  size: number;
  /** Lower-case hex. */
  sha256: string;
}

/**
 * Writes a bundle's files (0600) and directories (0700) below `destination`, which is made if it is missing and must be empty.
 * Nothing outside of it is touched, and on failure it is emptied, or removed if it was made here.
 * Gives the files in the archive's order. @throws BundleError; the system's errors as they are.
 */
export async function extract(source: ArchiveSource, destination: string, options: ReadOptions = {}): Promise<BundleFile[]> {
  const isNew = await prepare(destination);
  const root = await OpenDirectory.open(destination);
  const tree = new Tree(root);
  try {
    const files: BundleFile[] = [];
    for await (const entry of readArchive(source, options)) {
      if (entry.type === "directory") await tree.enter(entry.path.split("/"));
      else files.push(await write(entry, tree, options.signal));
    }
    return files;
  } catch (error) {
    await empty(destination);
    if (isNew) await rm(destination, { recursive: true });
    throw error;
  } finally {
    await tree.close();
    await root.close();
  }
}

async function prepare(destination: string): Promise<boolean> {
  try {
    await mkdir(destination, 0o700);
    return true;
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  }
  if ((await readdir(destination)).length > 0) throw new Error(`Cannot extract to ${destination}: it is not empty.`);
  return false;
}

async function empty(directory: string): Promise<void> {
  for (const name of await readdir(directory)) await rm(join(directory, name), { recursive: true });
}

async function write(entry: ArchiveEntry, tree: Tree, signal: AbortSignal | undefined): Promise<BundleFile> {
  const segments = entry.path.split("/");
  const directory = await tree.enter(segments.slice(0, -1));
  const file: FileHandle = await directory.createFile(segments.at(-1) ?? "");
  try {
    const hash = createHash("sha256");
    for await (const chunk of entry.content()) {
      signal?.throwIfAborted();
      hash.update(chunk);
      await file.writeFile(chunk);
    }
    return { path: entry.path, size: entry.size, sha256: hash.digest("hex") };
  } finally {
    await file.close();
  }
}

/** Keeps the directories open that lead to the last entry: the next one is usually beside it. */
class Tree {
  private readonly root: OpenDirectory;
  private readonly chain: { name: string; directory: OpenDirectory }[] = [];

  constructor(root: OpenDirectory) {
    this.root = root;
  }

  async enter(segments: readonly string[]): Promise<OpenDirectory> {
    let shared = 0;
    while (shared < segments.length && this.chain[shared]?.name === segments[shared]) shared += 1;
    await this.close(shared);
    for (const name of segments.slice(shared)) this.chain.push({ name, directory: await this.current().directory(name) });
    return this.current();
  }

  async close(keep = 0): Promise<void> {
    for (const { directory } of this.chain.splice(keep).toReversed()) await directory.close();
  }

  private current(): OpenDirectory {
    return this.chain.at(-1)?.directory ?? this.root;
  }
}
