import { createHash } from "node:crypto";
import { access, constants, type FileHandle, open, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import {
  createDirectory,
  isSystemError,
  moveIntoPlace,
  PRIVATE_FILE_MODE,
  removeDurably,
  sweepFiles,
  temporaryPath,
} from "../durable-files/index.ts";
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
        const written = await writeStream(temporary, source, maxBytes);
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
      return file.createReadStream();
    });
  }

  async exists(key: string): Promise<boolean> {
    const path = this.localPath(key);
    return orUnavailable("look for a blob", async () => {
      try {
        return (await stat(path)).isFile();
      } catch (error) {
        if (isSystemError(error, "ENOENT", "ENOTDIR")) return false;
        throw error;
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
      for (const directory of [this.#blobs, this.#temporary]) await access(directory, constants.W_OK | constants.X_OK);
    });
  }

  async #sweep(): Promise<void> {
    this.#sweptAtMs = this.#now();
    await sweepFiles(this.#temporary, this.#sweptAtMs - LEFTOVER_AGE_MS);
  }
}

async function openBlob(path: string): Promise<FileHandle> {
  try {
    const file = await open(path, "r");
    if ((await file.stat()).isFile()) return file;
    await file.close();
  } catch (error) {
    if (!isSystemError(error, "ENOENT", "ENOTDIR")) throw error;
  }
  throw new BlobStoreError("not_found", "There is no such blob.");
}

/** Writes and syncs a new file, hashing and counting on the way. */
async function writeStream(path: string, source: AsyncIterable<Uint8Array>, maxBytes: number): Promise<WrittenBlob> {
  const hash = createHash("sha256");
  let sizeBytes = 0;
  const file = await open(path, "wx", PRIVATE_FILE_MODE);
  try {
    for await (const chunk of chunksOf(source)) {
      sizeBytes += chunk.length;
      if (sizeBytes > maxBytes) throw new BlobStoreError("too_large", `A blob here may have ${maxBytes} bytes; this one has more.`);
      hash.update(chunk);
      await file.writeFile(chunk);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return { sizeBytes, sha256: hash.digest("hex") };
}

/** The source's chunks, with its failures told apart from those of the storage. */
async function* chunksOf(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    // Leaving a stream early would destroy it, and with it the connection on which the refusal is to be answered.
    const chunks = source instanceof Readable ? source.iterator({ destroyOnReturn: false }) : source;
    for await (const chunk of chunks) yield chunk as Uint8Array;
  } catch (error) {
    throw new BlobStoreError("source_failed", "The source of a blob failed or ended early.", { cause: error });
  }
}

/** Gives whatever the file system throws a type. */
async function orUnavailable<T>(what: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof BlobStoreError) throw error;
    throw new BlobStoreError("unavailable", `Cannot ${what}: ${error instanceof Error ? error.message : "unknown failure"}.`, {
      cause: error,
    });
  }
}
