import { createHash } from "node:crypto";
import type { AgentManifest } from "../manifest.ts";
import { MANIFEST_FILE, MAX_MANIFEST_BYTES, parseManifest, type ManifestFinding } from "../parse-manifest.ts";
import type { ArchiveEntry } from "./archive-entry.ts";
import { BundleError } from "./bundle-error.ts";
import type { BundleFile } from "./extract.ts";
import { formatBytes } from "./limits.ts";
import { readArchive, type ReadOptions } from "./read-archive.ts";
import type { ArchiveSource } from "./source.ts";

export type InspectedBundle =
  | { ok: true; manifest: AgentManifest; files: readonly BundleFile[] }
  | { ok: false; findings: readonly ManifestFinding[] };

/**
 * Reads and checks a whole bundle without writing anything: every entry, the manifest, and that the entrypoint is there.
 * `findings` are about the manifest. @throws BundleError about the archive; whatever the source throws.
 */
export async function inspectBundle(source: ArchiveSource, options: ReadOptions = {}): Promise<InspectedBundle> {
  const files: BundleFile[] = [];
  let manifestBytes: Uint8Array | null = null;
  for await (const entry of readArchive(source, options)) {
    if (entry.type === "directory") continue;
    const isManifest = entry.path === MANIFEST_FILE;
    if (isManifest) requireManifestSize(entry.size);
    const { file, kept } = await digest(entry, isManifest, options.signal);
    files.push(file);
    if (isManifest) manifestBytes = kept;
  }
  if (manifestBytes === null) throw missingManifest(files.map(({ path }) => path));
  const parsed = parseManifest(manifestBytes);
  if (!parsed.ok) return parsed;
  if (!files.some(({ path }) => path === parsed.manifest.entrypoint)) {
    const message = `"${parsed.manifest.entrypoint}" is not in the bundle`;
    return { ok: false, findings: [{ file: MANIFEST_FILE, field: "entrypoint", message, ...parsed.positionOf("entrypoint") }] };
  }
  return { ok: true, manifest: parsed.manifest, files };
}

async function digest(
  entry: ArchiveEntry,
  keep: boolean,
  signal: AbortSignal | undefined,
): Promise<{ file: BundleFile; kept: Uint8Array }> {
  const hash = createHash("sha256");
  const kept: Uint8Array[] = [];
  for await (const chunk of entry.content()) {
    signal?.throwIfAborted();
    hash.update(chunk);
    if (keep) kept.push(chunk);
  }
  return { file: { path: entry.path, size: entry.size, sha256: hash.digest("hex") }, kept: Buffer.concat(kept) };
}

function requireManifestSize(size: number): void {
  if (size <= MAX_MANIFEST_BYTES) return;
  throw new BundleError("MANIFEST_TOO_LARGE", `it has ${formatBytes(size)}; the limit is ${formatBytes(MAX_MANIFEST_BYTES)}`, {
    entry: MANIFEST_FILE,
  });
}

/** @returns the error for a bundle with these paths, none of which is the manifest at the root. */
export function missingManifest(paths: readonly string[]): BundleError {
  const nested = paths.filter((path) => path.endsWith(`/${MANIFEST_FILE}`)).toSorted((a, b) => a.length - b.length)[0];
  if (nested === undefined) return new BundleError("MANIFEST_MISSING", `${MANIFEST_FILE} is missing at the bundle's root.`);
  const folder = nested.slice(0, -MANIFEST_FILE.length);
  const reason = `${MANIFEST_FILE} must be at the bundle's root, but lies in "${folder}": pack what the folder holds, not the folder itself`;
  return new BundleError("MANIFEST_MISSING", reason, { entry: nested });
}
