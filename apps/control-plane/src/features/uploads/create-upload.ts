import { BlobStoreError, type WrittenBlob } from "@whs/platform/blobs";
import { AppError, invalidRequest } from "@whs/platform/errors";
import { newId } from "@whs/platform/ids";
import type { Readable } from "node:stream";
import type { Context } from "../../context.ts";
import { checkArchive } from "./check-archive.ts";
import { insertUpload } from "./store.ts";

/** How long an upload waits for a deployment. */
const keptMs = 24 * 3_600_000;

interface Upload {
  id: string;
  checksum: string;
  sizeBytes: number;
  expiresAt: string;
}

/** Streams a bundle into the blob store, hashed on the way, and refuses a hostile archive by entry and reason. */
export async function createUpload(
  context: Context,
  input: { stream: Readable; contentType: string; contentDigest: string | undefined },
): Promise<{ upload: Upload }> {
  const expected = parseDigest(input.contentDigest);
  const id = newId("upl");
  const blobKey = `uploads/${id}`;
  const { sizeBytes, sha256 } = await store(context, blobKey, input.stream);
  try {
    if (sizeBytes === 0) throw invalidRequest([{ fieldName: "", message: "body is empty" }]);
    if (expected !== undefined && expected !== sha256)
      throw invalidRequest([{ fieldName: "Content-Digest", message: "is not the digest of the body that arrived; send it again" }]);
    await checkArchive(context.blobs, blobKey, input.contentType, context.config.maxUploadBytes);
    return await context.write({ action: "upload.created", target: id, metadata: { sizeBytes } }, async (transaction) => {
      const row = await insertUpload(transaction, {
        id,
        userId: context.user.id,
        sha256,
        sizeBytes,
        contentType: input.contentType,
        blobKey,
        expiresAt: new Date(context.now().getTime() + keptMs),
      });
      return { upload: { id, checksum: `sha256:${sha256}`, sizeBytes, expiresAt: row.expires_at.toISOString() } };
    });
  } catch (error) {
    await context.blobs.delete(blobKey);
    throw error;
  }
}

/** Reads `Content-Digest` (RFC 9530). @returns SHA-256 in hexadecimal, or undefined when none is sent. */
export function parseDigest(header: string | undefined): string | undefined {
  if (header === undefined) return undefined;
  const base64 = /(?:^|,)\s*sha-256=:([A-Za-z0-9+/]{43}=):\s*(?:,|$)/.exec(header)?.[1];
  if (base64 === undefined) throw invalidRequest([{ fieldName: "Content-Digest", message: "must be sha-256=:<base64>:" }]);
  return Buffer.from(base64, "base64").toString("hex");
}

async function store(context: Context, blobKey: string, stream: Readable): Promise<WrittenBlob> {
  const { maxUploadBytes } = context.config;
  try {
    return await context.blobs.write(blobKey, stream, { maxBytes: maxUploadBytes });
  } catch (error) {
    if (error instanceof BlobStoreError && error.code === "too_large") {
      throw new AppError("INVALID_REQUEST", `The bundle is larger than ${maxUploadBytes} bytes.`, {
        status: 413,
        details: { fields: [{ fieldName: "", message: `body is larger than ${maxUploadBytes} bytes` }] },
      });
    }
    if (error instanceof BlobStoreError && error.code === "source_failed")
      throw invalidRequest([{ fieldName: "", message: "body ended before it was complete" }], { cause: error });
    throw error;
  }
}
