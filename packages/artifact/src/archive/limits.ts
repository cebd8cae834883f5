/** What a bundle may be. The figures are those of the security contract; a caller may set others. */
export interface BundleLimits {
  maxCompressedBytes: number;
  /** Sum of the files' sizes. */
  maxExtractedBytes: number;
  /** Files and directories together. */
  maxEntries: number;
  /** Extracted to compressed, over the whole archive. */
  maxRatio: number;
  /** The ratio counts only past this many extracted bytes: an empty log or a sparse fixture is no bomb. */
  ratioGraceBytes: number;
}

const MIB = 1024 * 1024;

export const BUNDLE_LIMITS: Readonly<BundleLimits> = {
  maxCompressedBytes: 25 * MIB,
  maxExtractedBytes: 200 * MIB,
  maxEntries: 5_000,
  maxRatio: 100,
  ratioGraceBytes: MIB,
};

/** `25 MiB`, `1.5 KiB`, `812 bytes`: for messages. */
export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} bytes`;
  const [value, unit] = bytes < MIB ? [bytes / 1024, "KiB"] : [bytes / MIB, "MiB"];
  return `${Number(value.toFixed(1))} ${unit}`;
}
