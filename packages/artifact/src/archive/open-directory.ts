import { constants } from "node:fs";
import { lstat, mkdir, open, type FileHandle } from "node:fs/promises";
import { join } from "node:path";

/** Linux reaches a directory by its descriptor; what happens to its path in the meantime does not matter. */
const BY_DESCRIPTOR = process.platform === "linux";
const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
const NEW_FILE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/**
 * An open directory, below which names are created one segment at a time, so that no symbolic link is ever followed.
 * Elsewhere than on Linux, where Node has no call relative to a descriptor, the path is compared with the open directory first.
 */
export class OpenDirectory {
  private readonly handle: FileHandle;
  private readonly path: string;

  private constructor(handle: FileHandle, path: string) {
    this.handle = handle;
    this.path = path;
  }

  /** @throws the system's error when `path` is missing, no directory, or a symbolic link. */
  static async open(path: string): Promise<OpenDirectory> {
    return new OpenDirectory(await open(path, DIRECTORY), path);
  }

  /** Opens a directory in this one, making it (0700) where it is missing. `name` is one checked segment. */
  async directory(name: string): Promise<OpenDirectory> {
    const path = await this.reach(name);
    try {
      await mkdir(path, 0o700);
    } catch (error) {
      if (!isExisting(error)) throw error;
    }
    return new OpenDirectory(await open(path, DIRECTORY), join(this.path, name));
  }

  /** A new file (0600). @throws EEXIST when anything has that name. */
  async createFile(name: string): Promise<FileHandle> {
    return open(await this.reach(name), NEW_FILE, 0o600);
  }

  close(): Promise<void> {
    return this.handle.close();
  }

  private async reach(name: string): Promise<string> {
    if (BY_DESCRIPTOR) return `/proc/self/fd/${this.handle.fd}/${name}`;
    const [byPath, byHandle] = await Promise.all([lstat(this.path, { bigint: true }), this.handle.stat({ bigint: true })]);
    if (byPath.ino !== byHandle.ino || byPath.dev !== byHandle.dev)
      throw new Error(`${this.path} was replaced while it was being written to.`);
    return join(this.path, name);
  }
}

function isExisting(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EEXIST";
}
