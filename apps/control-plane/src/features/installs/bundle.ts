import type { AgentManifest } from "@whs/artifact";
import { newId } from "@whs/platform/ids";
import type { Transaction } from "@whs/platform/db";
import type { Context } from "../../context.ts";
import type { Schema } from "../../database.ts";
import { checkBundle } from "../deployments/index.ts";
import { insertUpload } from "../uploads/index.ts";
import { findOwnUpload, type Source } from "./store.ts";

/** How long the bytes wait for the agent's missing secrets: as long as the marketplace answers for a redeemed token. */
const keptMs = 24 * 3_600_000;

/** The buyer's own copy of a release's bytes. */
export interface OwnBundle {
  uploadId: string;
  blobKey: string;
  contentType: string;
  /** 64 hexadecimal digits. */
  sha256: string;
  sizeBytes: number;
  manifest: AgentManifest;
}

/** Copies the bytes, so that the agent does not depend on what its publisher keeps. The caller deletes what it does not use. */
export async function copyBundle(context: Pick<Context, "blobs">, { upload }: Source): Promise<OwnBundle> {
  const uploadId = newId("upl");
  const blobKey = `uploads/${uploadId}`;
  const { sha256, sizeBytes } = await context.blobs.write(blobKey, await context.blobs.openRead(upload.blob_key), {
    maxBytes: upload.size_bytes,
  });
  try {
    if (sha256 !== upload.sha256) throw new Error(`The stored bytes of ${upload.id} are not those that were uploaded`);
    return { uploadId, blobKey, contentType: upload.content_type, sha256, sizeBytes, manifest: await checkBundle(context.blobs, blobKey) };
  } catch (error) {
    await context.blobs.delete(blobKey);
    throw error;
  }
}

/** Undefined when its time is over. */
export async function openOwnBundle(context: Pick<Context, "db" | "blobs" | "user">, uploadId: string): Promise<OwnBundle | undefined> {
  const upload = await findOwnUpload(context.db, context.user.id, uploadId);
  if (upload === undefined) return undefined;
  const { blob_key: blobKey, content_type: contentType, sha256, size_bytes: sizeBytes } = upload;
  return { uploadId, blobKey, contentType, sha256, sizeBytes, manifest: await checkBundle(context.blobs, blobKey) };
}

export async function insertOwnUpload(
  context: Pick<Context, "user" | "now">,
  transaction: Transaction<Schema>,
  bundle: OwnBundle,
): Promise<void> {
  await insertUpload(transaction, {
    id: bundle.uploadId,
    userId: context.user.id,
    sha256: bundle.sha256,
    sizeBytes: bundle.sizeBytes,
    contentType: bundle.contentType,
    blobKey: bundle.blobKey,
    expiresAt: new Date(context.now().getTime() + keptMs),
  });
}
