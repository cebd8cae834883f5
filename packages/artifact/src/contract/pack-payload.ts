import { createHash } from "node:crypto";
import { createBundleArchive, type BundleSource } from "../archive/create-bundle-archive.ts";
import { payloadDigest } from "./digest.ts";
import type { ArtifactFiles } from "./files.ts";
import { finding, shown, type Finding } from "./finding.ts";
import { readBundle } from "./read-bundle.ts";
import type { ArtifactEntry } from "./schema.ts";

export type PackedPayload =
  | { ok: true; archive: Uint8Array; /** `sha256:…` of the archive. */ checksum: string }
  | { ok: false; findings: Finding[] };

/**
 * A payload as it is uploaded: always the same archive for the same digest, whether the bundle is a folder or an archive. Every byte
 * is compared with `payload.digest` again, so that nothing is applied that was not validated. @throws the file system's errors
 */
export async function packPayload(
  files: ArtifactFiles,
  entry: ArtifactEntry,
  place: { path: string; folder: string },
): Promise<PackedPayload> {
  const sources: BundleSource[] = [];
  for await (const item of readBundle(files, entry, place)) {
    if ("finding" in item) return { ok: false, findings: [item.finding] };
    const chunks: Uint8Array[] = [];
    for await (const chunk of item.file.content()) chunks.push(chunk);
    sources.push({ path: item.file.path, bytes: Buffer.concat(chunks) });
  }
  const actual = payloadDigest(sources.map(({ path, bytes }) => ({ path, sha256: sha256(bytes), size: bytes.length })));
  if (actual !== entry.payload.digest) {
    const message = `The files of ${shown(entry.id)} have changed since they were validated.`;
    return { ok: false, findings: [finding("PAYLOAD_DIGEST_MISMATCH", { path: `${place.path}.payload.digest`, message })] };
  }
  const archive = await createBundleArchive(sources);
  return { ok: true, archive, checksum: `sha256:${sha256(archive)}` };
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
