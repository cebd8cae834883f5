import { randomBytes } from "node:crypto";
import { renameSync, writeFileSync } from "node:fs";

/** Writes a file that only its owner may read, so that a reader sees the old content or the new, never half. */
export function writeAtomically(file: string, content: string): void {
  const unfinished = `${file}.${randomBytes(6).toString("hex")}.new`;
  writeFileSync(unfinished, content, { mode: 0o600, flag: "wx", flush: true });
  renameSync(unfinished, file);
}
