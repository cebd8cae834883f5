/**
 * Files that appear whole or not at all, also when the process or the machine stops in the middle: written beside their
 * place, synced, moved there in one step, and the directory synced. A promise that is fulfilled is on the disk.
 */
import { randomBytes } from "node:crypto";
import { link, mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";

/** Directories and files of this server are nobody else's business. */
export const PRIVATE_DIRECTORY_MODE = 0o700;
export const PRIVATE_FILE_MODE = 0o600;

/** Whether an error is one of the operating system's with one of these codes, such as `ENOENT`. */
export function isSystemError(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && "code" in error && typeof error.code === "string" && codes.includes(error.code);
}

/** Creates a directory and what is missing above it. */
export async function createDirectory(path: string): Promise<void> {
  const target = resolve(path);
  const first = await mkdir(target, { recursive: true, mode: PRIVATE_DIRECTORY_MODE });
  if (first === undefined) return;
  for (let created = target; created.length >= first.length; created = dirname(created)) await syncDirectory(dirname(created));
}

/** Makes what was created in, moved into or removed from a directory last. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** A name in `directory` that no one else uses. */
export function temporaryPath(directory: string): string {
  return join(directory, `${randomBytes(16).toString("hex")}.tmp`);
}

/** Writes and syncs a new file of a name of its own; nothing is left when that fails. */
export async function writeTemporary(directory: string, bytes: Uint8Array): Promise<string> {
  const path = temporaryPath(directory);
  try {
    const file = await open(path, "wx", PRIVATE_FILE_MODE);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
  return path;
}

/** Moves a synced temporary file to its place, over what may be there. */
export async function moveIntoPlace(temporary: string, target: string): Promise<void> {
  try {
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncDirectory(dirname(target));
}

/**
 * Moves a synced temporary file to its place unless there is a file already: of several processes at once one wins.
 * @returns whether this one did. Either way the file that is there then is on the disk.
 */
export async function moveIntoFreePlace(temporary: string, target: string): Promise<boolean> {
  try {
    await link(temporary, target);
    return true;
  } catch (error) {
    if (isSystemError(error, "EEXIST")) return false;
    throw error;
  } finally {
    await rm(temporary, { force: true });
    await syncDirectory(dirname(target));
  }
}

/** Removes a file for good; one that is not there is fine. */
export async function removeDurably(path: string): Promise<void> {
  try {
    await rm(path);
  } catch (error) {
    if (isSystemError(error, "ENOENT", "ENOTDIR")) return;
    throw error;
  }
  await syncDirectory(dirname(path));
}

/** Removes the files of a directory that nobody has written to since `beforeMs` (epoch milliseconds): what a killed process left. */
export async function sweepFiles(directory: string, beforeMs: number): Promise<void> {
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(directory, entry.name);
    try {
      if ((await stat(path)).mtimeMs < beforeMs) await rm(path, { force: true });
    } catch (error) {
      // Another process may sweep at the same time or have finished with the file.
      if (!isSystemError(error, "ENOENT")) throw error;
    }
  }
}
