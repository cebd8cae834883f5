import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { isSystemError } from "@whs/platform/durable-files";

/** Linux's, which Node has no name for: a file as such, whatever becomes of its name. */
const O_PATH = 0o10_000_000;

/** A path that no socket ever has. */
export const NOWHERE = "/proc/self/fd/-1";

export interface PinnedSocket {
  /** Leads to the very socket, as long as it is not closed. */
  path: string;
  close(): Promise<void>;
}

/**
 * Takes hold of a socket in a folder that somebody else may write to, and who could put a link in its place: to another's
 * socket, which would then be reached with our rights. Null where there is none, or
 * something else, or no room for one more open file.
 */
export async function pinSocket(path: string): Promise<PinnedSocket | null> {
  try {
    const file = await open(path, O_PATH | constants.O_NOFOLLOW);
    if ((await file.stat()).isSocket()) return { path: `/proc/self/fd/${file.fd}`, close: () => file.close() };
    await file.close();
    return null;
  } catch (error) {
    if (isSystemError(error, "ENOENT", "EMFILE", "ENFILE")) return null;
    throw error;
  }
}
