import { constants } from "node:fs";
import { open, readdir, realpath, stat } from "node:fs/promises";
import type { ArtifactFiles } from "./files.ts";

const NOTHING_THERE = new Set(["ENOENT", "ENOTDIR", "ELOOP", "ENAMETOOLONG"]);
const READ_ONLY = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const CHUNK_BYTES = 128 * 1024;

async function orNull<T>(asked: Promise<T>): Promise<T | null> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof Error && "code" in error && NOTHING_THERE.has(String(error.code))) return null;
    throw error;
  }
}

/** This machine's files, opened for reading only. */
export const nodeFiles: ArtifactFiles = {
  realPath: (path) => orNull(realpath(path)),
  async stat(path) {
    const found = await orNull(stat(path));
    if (found === null) return null;
    return { kind: found.isFile() ? "file" : found.isDirectory() ? "directory" : "other", size: found.size };
  },
  async list(folder) {
    const names = await readdir(folder, { encoding: "buffer" });
    return names.map((bytes) => {
      const name = bytes.toString("utf8");
      return Buffer.from(name, "utf8").equals(bytes) ? name : null;
    });
  },
  async *read(path) {
    const file = await open(path, READ_ONLY);
    try {
      if (!(await file.stat()).isFile()) throw new Error(`${path} is no file any more.`);
      for (;;) {
        const { bytesRead, buffer } = await file.read({ buffer: Buffer.allocUnsafe(CHUNK_BYTES) });
        if (bytesRead === 0) return;
        yield buffer.subarray(0, bytesRead);
      }
    } finally {
      await file.close();
    }
  },
};
