import { access, constants, type FileHandle, open, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Readable } from "node:stream";
import {
  createDirectory,
  isSystemError,
  moveIntoPlace,
  PRIVATE_FILE_MODE,
  removeDurably,
  sweepFiles,
  temporaryPath,
} from "../durable-files/index.ts";
import { type MeasuredSource, measure } from "./measured-source.ts";
import { type BlobStore, BlobStoreError, type BlobWriteOptions, requireKey, type WrittenBlob } from "./port.ts";

/** No upload takes a day without a byte; a temporary file that old was left by a process that was killed. */
const LEFTOVER_AGE_MS = 24 * 60 * 60 * 1000;
const SWEEP_INTERVAL_MS = 60 * 60 * 1000;

/**
 * Blobs as files: `<directory>/blobs/<key>`, written first under `<directory>/tmp`.
 * @throws BlobStoreError `unavailable` when the directory cannot be used.
 */
export async function openFileBlobStore(
  directory: string,
  now: () => number = Date.now,
): Promise<BlobStore & { localPath(key: string): string }> {
  const store = new FileBlobStore(directory, now);
  await orUnavailable("open the blob store", () => store.prepare());
  return store;
}

class FileBlobStore implements BlobStore {
  readonly #blobs: string;
  readonly #temporary: string;
  readonly #now: () => number;
  #sweptAtMs = 0;

  constructor(directory: string, now: () => number) {
    this.#blobs = join(directory, "blobs");
    this.#temporary = join(directory, "tmp");
    this.#now = now;
  }

  async prepare(): Promise<void> {
    await createDirectory(this.#blobs);
    await createDirectory(this.#temporary);
    await this.#sweep();
  }

  async write(key: string, source: AsyncIterable<Uint8Array>, { maxBytes }: BlobWriteOptions): Promise<WrittenBlob> {
    const target = this.localPath(key);
    return orUnavailable("write a blob", async () => {
      if (this.#now() - this.#sweptAtMs > SWEEP_INTERVAL_MS) await this.#sweep();
      const temporary = temporaryPath(this.#temporary);
      try {
        const written = await writeStream(temporary, measure(source, maxBytes));
        await createDirectory(dirname(target));
        await moveIntoPlace(temporary, target);
        return written;
      } catch (error) {
        await rm(temporary, { force: true });
        if (isSystemError(error, "ENOTDIR", "EISDIR", "EEXIST", "ENOTEMPTY")) {
          throw new BlobStoreError("invalid_key", "A blob's key cannot begin with the key of another blob and a slash.", { cause: error });
        }
        throw error;
      }
    });
  }

  async openRead(key: string): Promise<Readable> {
    const path = this.localPath(key);
    return orUnavailable("read a blob", async () => {
      const file = await openBlob(path);
      if (file !== undefined) return file.createReadStream();
      await this.#requireFolder();
      throw new BlobStoreError("not_found", "There is no such blob.");
    });
  }

  async exists(key: string): Promise<boolean> {
    const path = this.localPath(key);
    return orUnavailable("look for a blob", async () => {
      try {
        return (await stat(path)).isFile();
      } catch (error) {
        if (!isSystemError(error, "ENOENT", "ENOTDIR")) throw error;
        await this.#requireFolder();
        return false;
      }
    });
  }

  async delete(key: string): Promise<void> {
    const path = this.localPath(key);
    return orUnavailable("delete a blob", async () => {
      if (await this.exists(key)) await removeDurably(path);
    });
  }

  localPath(key: string): string {
    requireKey(key);
    return join(this.#blobs, key);
  }

  async healthcheck(): Promise<void> {
    return orUnavailable("use the blob store", async () => {
      await this.#requireFolder();
      const probe = temporaryPath(this.#temporary);
      await writeFile(probe, "", { flag: "wx", mode: PRIVATE_FILE_MODE });
      await rm(probe);
    });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** A blob that is gone is one thing, a storage that is gone another. */
  async #requireFolder(): Promise<void> {
    await access(this.#blobs, constants.W_OK | constants.X_OK);
  }

  async #sweep(): Promise<void> {
    this.#sweptAtMs = this.#now();
    await sweepFiles(this.#temporary, this.#sweptAtMs - LEFTOVER_AGE_MS);
  }
}

async function openBlob(path: string): Promise<FileHandle | undefined> {
  try {
    const file = await open(path, "r");
    if ((await file.stat()).isFile()) return file;
    await file.close();
  } catch (error) {
    if (!isSystemError(error, "ENOENT", "ENOTDIR")) throw error;
  }
  return undefined;
}

/** Writes and syncs a new file. */
async function writeStream(path: string, { chunks, measured }: MeasuredSource): Promise<WrittenBlob> {
  const file = await open(path, "wx", PRIVATE_FILE_MODE);
  try {
    for await (const chunk of chunks) await file.writeFile(chunk);
    await file.sync();
  } finally {
    await file.close();
  }
  return measured();
}

/** Gives whatever the file system throws a type. */
async function orUnavailable<T>(what: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof BlobStoreError) throw error;
    const code = isSystemError(error, "EACCES", "EPERM", "EROFS") ? "denied" : "unavailable";
    throw new BlobStoreError(code, `Cannot ${what}: ${error instanceof Error ? error.message : "unknown failure"}.`, {
      cause: error,
    });
  }
}
