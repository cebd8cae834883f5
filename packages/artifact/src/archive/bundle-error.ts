/** Why a bundle is refused. Stable: clients may match on it. */
export type BundleErrorCode =
  | "PATH_EMPTY"
  | "PATH_NOT_UTF8"
  | "PATH_CONTROL_CHARACTER"
  | "PATH_BACKSLASH"
  | "PATH_DRIVE_LETTER"
  | "PATH_ABSOLUTE"
  | "PATH_TRAVERSAL"
  | "PATH_EMPTY_SEGMENT"
  | "PATH_TOO_LONG"
  | "PATH_TOO_DEEP"
  | "ENTRY_DUPLICATE"
  | "ENTRY_CONFLICT"
  | "ENTRY_SYMLINK"
  | "ENTRY_HARD_LINK"
  | "ENTRY_DEVICE"
  | "ENTRY_FIFO"
  | "ENTRY_TYPE"
  | "ENTRY_ENCRYPTED"
  | "ENTRY_COMPRESSION"
  | "ENTRY_SIZE"
  | "ENTRY_CHECKSUM"
  | "ENTRY_HEADER_MISMATCH"
  | "ENTRY_OVERLAP"
  | "LIMIT_COMPRESSED"
  | "LIMIT_EXTRACTED"
  | "LIMIT_ENTRIES"
  | "LIMIT_RATIO"
  | "ARCHIVE_FORMAT"
  | "ARCHIVE_CORRUPT"
  | "ARCHIVE_TRUNCATED"
  | "ARCHIVE_TRAILING_DATA"
  | "ARCHIVE_FOLDER"
  | "MANIFEST_MISSING"
  | "MANIFEST_TOO_LARGE";

/**
 * The author has to change the bundle. `message` is public, and names the entry and the limit; `cause` is private.
 * Anything else that is thrown while a bundle is read is a fault of the host (a full disk, an aborted signal).
 */
export class BundleError extends Error {
  override readonly name = "BundleError";
  readonly code: BundleErrorCode;
  /** The entry as printed in the message: bounded, with control characters and invalid bytes made visible. */
  readonly entry: string | undefined;

  constructor(code: BundleErrorCode, reason: string, options: { entry?: string | undefined; cause?: unknown } = {}) {
    const entry = options.entry === undefined ? undefined : printable(options.entry);
    super(entry === undefined ? reason : `"${entry}": ${reason}`, { cause: options.cause });
    this.code = code;
    this.entry = entry;
  }
}

const LONGEST_PRINTED = 200;

/** Entry names come from strangers and end in logs and terminals: control and direction characters are escaped. */
function printable(name: string): string {
  const escaped = name.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
  return escaped.length <= LONGEST_PRINTED ? escaped : `${escaped.slice(0, LONGEST_PRINTED)}…`;
}
