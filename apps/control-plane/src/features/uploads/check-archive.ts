import { BundleError, readArchive } from "@whs/artifact";
import { invalidRequest } from "@whs/platform/errors";
import type { BlobStore } from "@whs/platform/blobs";

/** First bytes of the two formats: gzip (RFC 1952) and zip. */
const magic: Readonly<Record<string, readonly number[]>> = { "application/gzip": [0x1f, 0x8b], "application/zip": [0x50, 0x4b] };

/**
 * Reads a whole archive, which checks every entry, and writes nothing.
 * @throws AppError `INVALID_REQUEST` naming the entry and the reason.
 */
export async function checkArchive(blobs: BlobStore, blobKey: string, contentType: string, maxCompressedBytes: number): Promise<void> {
  try {
    const entries = readArchive(requireFormat(await blobs.openRead(blobKey), contentType), { limits: { maxCompressedBytes } });
    for await (const entry of entries) void entry;
  } catch (error) {
    if (error instanceof BundleError) throw refused(error);
    throw error;
  }
}

export function refused(error: BundleError): Error {
  return invalidRequest([{ fieldName: "bundle", message: error.message.replace(/\.$/, "") }], {
    cause: error,
    details: { reason: error.code, ...(error.entry === undefined ? {} : { entry: error.entry }) },
  });
}

async function* requireFormat(bytes: AsyncIterable<Uint8Array>, contentType: string): AsyncGenerator<Uint8Array> {
  let first = true;
  for await (const chunk of bytes) {
    if (first && !(magic[contentType] ?? []).every((byte, index) => chunk[index] === byte)) {
      throw invalidRequest([{ fieldName: "content-type", message: `is ${contentType}, but the body is not` }]);
    }
    first = false;
    yield chunk;
  }
}
