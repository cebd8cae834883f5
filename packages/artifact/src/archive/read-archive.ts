import type { ArchiveEntry } from "./archive-entry.ts";
import { BUNDLE_LIMITS, type BundleLimits } from "./limits.ts";
import { readTarGz } from "./read-tar-gz.ts";
import { readZip } from "./read-zip.ts";
import { openSource, type ArchiveSource } from "./source.ts";

export interface ReadOptions {
  /** Each limit that is given replaces the one of `BUNDLE_LIMITS`. */
  limits?: Partial<BundleLimits>;
  /** Aborting ends the reading with the signal's reason. */
  signal?: AbortSignal;
}

/**
 * The entries of a `.tar.gz` or `.zip`, told apart by their first bytes. When the last entry was read, all of the archive was
 * checked. @throws BundleError; whatever the source throws, as it is.
 */
export async function* readArchive(source: ArchiveSource, options: ReadOptions = {}): AsyncGenerator<ArchiveEntry> {
  const limits = { ...BUNDLE_LIMITS, ...options.limits };
  const opened = await openSource(source, limits);
  const entries = opened.format === "zip" ? readZip(opened, limits) : readTarGz(opened, limits);
  for await (const entry of entries) {
    options.signal?.throwIfAborted();
    yield entry;
  }
}
