/** The log files of the child processes: bounded in size, readable at their end. */
import { closeSync, copyFileSync, existsSync, fstatSync, openSync, readSync, statSync, truncateSync } from "node:fs";

/** A file over this is moved to `<file>.1`, so that each process keeps at most twice as much. */
const LARGEST_LOG_BYTES = 64 * 1024 * 1024;
const TAIL_BYTES = 16 * 1024;

/** How much is in the file: what comes later begins there. */
export function logSize(file: string): number {
  return existsSync(file) ? statSync(file).size : 0;
}

/** Of what was written after `from` bytes. */
export function lastLines(file: string, count: number, from = 0): string {
  if (!existsSync(file)) return "(no log)";
  const descriptor = openSync(file, "r");
  try {
    const { size } = fstatSync(descriptor);
    // A file that became smaller was moved aside meanwhile.
    const begin = size < from ? 0 : from;
    const buffer = Buffer.alloc(Math.min(size - begin, TAIL_BYTES));
    readSync(descriptor, buffer, 0, buffer.length, size - buffer.length);
    return buffer.toString().trimEnd().split("\n").slice(-count).join("\n");
  } finally {
    closeSync(descriptor);
  }
}

/** Writers hold the file open for appending, so it is copied and emptied, not renamed. */
export function rotateIfLarge(file: string, largestBytes = LARGEST_LOG_BYTES): void {
  if (!existsSync(file) || statSync(file).size <= largestBytes) return;
  copyFileSync(file, `${file}.1`);
  truncateSync(file);
}
