import { type AgentManifest, BundleError, inspectBundle, type ReadOptions } from "@whs/artifact";
import type { BlobStore } from "@whs/platform/blobs";
import { invalidRequest } from "@whs/platform/errors";

/**
 * Reads a stored bundle, checks every entry and its manifest, and writes nothing.
 * @throws AppError `INVALID_REQUEST` naming entry or field.
 */
export async function checkBundle(blobs: BlobStore, blobKey: string, options: ReadOptions = {}): Promise<AgentManifest> {
  try {
    const inspected = await inspectBundle(await blobs.openRead(blobKey), options);
    if (inspected.ok) return inspected.manifest;
    throw invalidRequest(
      inspected.findings.map((finding) => ({
        fieldName: finding.field === undefined || finding.field === "" ? finding.file : `${finding.file}:${finding.field}`,
        message: finding.line === undefined ? finding.message : `${finding.message} (line ${finding.line})`,
      })),
    );
  } catch (error) {
    if (error instanceof BundleError)
      throw invalidRequest([{ fieldName: error.entry ?? "bundle", message: error.message.replace(/\.$/, "") }], {
        cause: error,
        details: { reason: error.code },
      });
    throw error;
  }
}
