import { createHash } from "node:crypto";
import { chmodSync, lstatSync, mkdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

export interface Directories {
  data: string;
  logs: string;
  /** Unix sockets. Outside the data directory when its name is too long. */
  run: string;
  postgres: string;
}

/** Socket addresses hold some 100 bytes on every system; below this there is room for the names in the directory. */
const LONGEST_RUN_DIRECTORY_BYTES = 60;

/** Creates what the stack needs under its data directory. */
export function createDirectories(dataDir: string): Directories {
  const data = path.resolve(dataDir);
  mkdirSync(data, { recursive: true, mode: 0o700 });
  // PostgreSQL under root's hand is another user, who must be able to pass, not to look.
  if (process.getuid?.() === 0) chmodSync(data, 0o711);
  const logs = path.join(data, "logs");
  mkdirSync(logs, { recursive: true, mode: 0o700 });
  return { data, logs, run: createRunDirectory(data), postgres: path.join(data, "postgres") };
}

function createRunDirectory(data: string): string {
  const inside = path.join(data, "run");
  const name = `whs-${createHash("sha256").update(data).digest("hex").slice(0, 16)}`;
  const run = Buffer.byteLength(inside) < LONGEST_RUN_DIRECTORY_BYTES ? inside : path.join(tmpdir(), name);
  mkdirSync(run, { recursive: true, mode: 0o700 });
  const { uid, mode } = lstatSync(run);
  if (uid !== process.getuid?.() || (mode & 0o077) !== 0) {
    throw new Error(`Cannot use ${run} for sockets: it belongs to someone else or is open to others.`);
  }
  return run;
}

/** Removes what lies outside the data directory. */
export function removeTemporaryDirectories({ data, run }: Directories): void {
  if (!run.startsWith(data + path.sep)) rmSync(run, { recursive: true, force: true });
}
