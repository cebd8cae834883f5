import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { ConfigurationError } from "../config/index.ts";
import { openFileBlobStore } from "./file-store.ts";
import type { BlobStore } from "./port.ts";

export interface BlobStoreOptions {
  /** `WHS_ALLOW_HTTP`: an endpoint without TLS also beyond loopback. */
  allowHttp?: boolean;
}

/** Opens the store behind a URL of one scheme. */
export type BlobStoreDriver = (url: string, options: BlobStoreOptions) => Promise<BlobStore>;

/** By the URL's scheme, colon included. A further store is one more entry. */
export const blobStoreDrivers: Readonly<Record<string, BlobStoreDriver>> = {
  "file:": (url) => openFileBlobStore(pathOfFileUrl(url)),
  // The SDK is loaded where it is used alone.
  "s3:": async (url, options) => (await import("./s3-store.ts")).openS3BlobStore(url, options),
};

/** A scheme has two letters at the least, so that a drive letter is none. */
const SCHEME = /^([a-z][a-z0-9+.-]+:)/i;

/**
 * Opens the blob store that `BLOB_URL` names: `file:///absolute/path`, a path, relative to the working directory, or
 * `s3://bucket/prefix`.
 * @throws ConfigurationError for a URL that no driver takes; it names the scheme alone, as a URL may hold credentials.
 * @throws BlobStoreError when the store cannot be opened.
 */
export async function openBlobStore(url: string, options: BlobStoreOptions = {}, drivers = blobStoreDrivers): Promise<BlobStore> {
  if (url.trim() === "") throw new ConfigurationError("Cannot start:\n  BLOB_URL is empty; it should be a path or a URL");
  const scheme = SCHEME.exec(url)?.[1]?.toLowerCase();
  if (scheme === undefined) return openFileBlobStore(resolve(url));
  const driver = Object.hasOwn(drivers, scheme) ? drivers[scheme] : undefined;
  if (driver !== undefined) return driver(url, options);
  const should = `it should be a path, or a URL of ${Object.keys(drivers).join(", ")}`;
  throw new ConfigurationError(`Cannot start:\n  BLOB_URL: blob stores of ${scheme} are not available in this version; ${should}`);
}

function pathOfFileUrl(url: string): string {
  // `file:data/blobs` has no place for a host and means a relative path.
  if (!/^file:\//i.test(url)) return resolve(url.slice("file:".length));
  try {
    return fileURLToPath(url);
  } catch (error) {
    throw new ConfigurationError("Cannot start:\n  BLOB_URL: a file: URL should be like file:///var/lib/whs/blobs, without a host", {
      cause: error,
    });
  }
}
