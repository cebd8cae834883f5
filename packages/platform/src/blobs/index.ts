/** Large bytes outside the database: the port, and the stores behind it. */
export { type BlobStoreDriver, blobStoreDrivers, type BlobStoreOptions, openBlobStore } from "./open.ts";
export { type BlobStore, BlobStoreError, type BlobStoreErrorCode, type BlobWriteOptions, type WrittenBlob } from "./port.ts";
