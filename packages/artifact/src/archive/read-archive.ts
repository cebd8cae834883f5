import type { ArchiveEntry } from "./archive-entry.ts";
import { BundleError } from "./bundle-error.ts";
import { BUNDLE_LIMITS, type BundleLimits } from "./limits.ts";
import { readTarGz } from "./read-tar-gz.ts";
import { readZip } from "./read-zip.ts";
import { openSource, type ArchiveSource } from "./source.ts";

export interface ReadOptions {
  /** Each limit that is given replaces the one of `BUNDLE_LIMITS`. */
  limits?: Partial<BundleLimits>;
  /** Aborting ends the reading with the signal's reason. */
  signal?: AbortSignal;
  /**
   * For archives that wrap their content in one folder, whose name this must match: every entry has to lie in it, and it is
   * taken off their paths.
   */
  wrappingFolder?: RegExp;
}

/**
 * The entries of a `.tar.gz` or `.zip`, told apart by their first bytes. When the last entry was read, all of the archive was
 * checked. @throws BundleError; whatever the source throws, as it is.
 */
export async function* readArchive(source: ArchiveSource, options: ReadOptions = {}): AsyncGenerator<ArchiveEntry> {
  const limits = { ...BUNDLE_LIMITS, ...options.limits };
  const opened = await openSource(source, limits);
  const entries = opened.format === "zip" ? readZip(opened, limits) : readTarGz(opened, limits);
  const unwrap = options.wrappingFolder === undefined ? (entry: ArchiveEntry) => entry : unwrapFrom(options.wrappingFolder);
  for await (const entry of entries) {
    options.signal?.throwIfAborted();
    const unwrapped = unwrap(entry);
    if (unwrapped !== undefined) yield unwrapped;
  }
}

/** The folder itself gives undefined. */
function unwrapFrom(pattern: RegExp): (entry: ArchiveEntry) => ArchiveEntry | undefined {
  let folder: string | undefined;
  return (entry) => {
    const [top = ""] = entry.path.split("/", 1);
    const isInside = entry.path.length > top.length;
    folder ??= top;
    if (top !== folder || !pattern.test(top) || (!isInside && entry.type === "file"))
      throw new BundleError("ARCHIVE_FOLDER", "it does not lie in the one folder that the archive must consist of", { entry: entry.path });
    return isInside ? { ...entry, path: entry.path.slice(top.length + 1) } : undefined;
  };
}
