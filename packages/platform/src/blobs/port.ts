import type { Readable } from "node:stream";

export interface BlobWriteOptions {
  /** The most that is accepted; one byte more fails with `too_large`. */
  maxBytes: number;
}

export interface WrittenBlob {
  sizeBytes: number;
  /** Of the content, 64 hex digits in lower case. */
  sha256: string;
}

/**
 * Where bundles, images and other large bytes live. Keys are like `uploads/upl_…`: parts of `a-z 0-9 . _ -` between
 * slashes, no part starting with a dot.
 *
 * @throws BlobStoreError from every method, with one of its codes.
 */
export interface BlobStore {
  /**
   * Stores a stream under a key, over what was there. The blob appears whole and safe on the disk, or not at all.
   * The source is left open when the write fails, so that a server can still answer the request it reads from.
   */
  write(key: string, source: AsyncIterable<Uint8Array>, options: BlobWriteOptions): Promise<WrittenBlob>;
  /** A stream of a blob's bytes, open already; the caller reads it to its end or destroys it. */
  openRead(key: string): Promise<Readable>;
  exists(key: string): Promise<boolean>;
  /** Deletes a blob; one that is gone already is fine. */
  delete(key: string): Promise<void>;
  /** Path of the blob's file, for stores that have files; says nothing about whether it exists. */
  localPath?(key: string): string;
  /** @throws BlobStoreError when the store is not to be reached, or refuses this process. */
  healthcheck(): Promise<void>;
  /** Ends connections; the store is not used after it. */
  close(): Promise<void>;
}

export type BlobStoreErrorCode =
  | "invalid_key"
  | "not_found"
  | "too_large"
  /** The source failed or ended early; what it failed with is the cause. */
  | "source_failed"
  /** The storage refuses what this process is or presents: its user, its credentials or its policy. */
  | "denied"
  /** The storage did not do what it was asked. */
  | "unavailable";

export class BlobStoreError extends Error {
  readonly code: BlobStoreErrorCode;
  constructor(code: BlobStoreErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "BlobStoreError";
    this.code = code;
  }
}

const MAX_KEY_LENGTH = 512;
/** Lower case alone: some file systems take `A` and `a` for the same name. */
const KEY = /^[a-z0-9_-][a-z0-9._-]{0,127}(?:\/[a-z0-9_-][a-z0-9._-]{0,127}){0,7}$/;

/** @throws BlobStoreError */
export function requireKey(key: string): void {
  if (key.length <= MAX_KEY_LENGTH && KEY.test(key)) return;
  throw new BlobStoreError(
    "invalid_key",
    `A blob's key is up to ${MAX_KEY_LENGTH} of a-z 0-9 . _ - in at most 8 parts between slashes, none starting with a dot.`,
  );
}
