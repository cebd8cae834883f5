import { PathSet, requirePath } from "../paths.ts";
import { BundleError } from "./bundle-error.ts";
import { formatBytes, type BundleLimits } from "./limits.ts";

/** The rules that hold for every entry of either format, applied before any of its content is read. */
export class EntryGate {
  private readonly limits: BundleLimits;
  private readonly compressedBytes: number | null;
  private readonly paths = new PathSet();
  private entries = 0;
  private extractedBytes = 0;

  /** `compressedBytes`: null when it is known only at the end; `finish` then checks the ratio. */
  constructor(limits: BundleLimits, compressedBytes: number | null) {
    this.limits = limits;
    this.compressedBytes = compressedBytes;
  }

  /** Gives the normalised path, empty for the root directory itself. `size`: what the archive declares. @throws BundleError */
  admit(name: Uint8Array | string, kind: "file" | "directory", size: number): string {
    this.requireEntryCount(this.entries + 1);
    this.entries += 1;
    const path = requirePath(name);
    if (kind === "directory" && size !== 0)
      throw new BundleError("ENTRY_SIZE", "a directory with content", { entry: path === "" ? "." : path });
    if (path === "") {
      if (kind === "file") throw new BundleError("PATH_EMPTY", "a file must have a name", { entry: "." });
      return path;
    }
    this.paths.add(path, kind);
    this.addBytes(path, size);
    return path;
  }

  requireEntryCount(entries: number): void {
    const { maxEntries } = this.limits;
    if (entries > maxEntries)
      throw new BundleError("LIMIT_ENTRIES", `The bundle holds more than ${maxEntries} files and directories, which is the limit.`);
  }

  /** @param compressedBytes of the whole archive, once all of it was read. */
  finish(compressedBytes: number): void {
    this.checkRatio(undefined, compressedBytes);
  }

  private addBytes(path: string, size: number): void {
    const { maxExtractedBytes } = this.limits;
    if (!Number.isSafeInteger(size) || size < 0) throw new BundleError("ENTRY_SIZE", "the declared size is no size", { entry: path });
    this.extractedBytes += size;
    if (this.extractedBytes > maxExtractedBytes) {
      throw new BundleError(
        "LIMIT_EXTRACTED",
        `with this file the bundle has more than ${formatBytes(maxExtractedBytes)} extracted, which is the limit`,
        { entry: path },
      );
    }
    if (this.compressedBytes !== null) this.checkRatio(path, this.compressedBytes);
  }

  private checkRatio(entry: string | undefined, compressedBytes: number): void {
    const { maxRatio, ratioGraceBytes } = this.limits;
    if (this.extractedBytes <= Math.max(ratioGraceBytes, compressedBytes * maxRatio)) return;
    throw new BundleError("LIMIT_RATIO", `the bundle extracts to more than ${maxRatio} times its compressed size, which is the limit`, {
      entry,
    });
  }
}
