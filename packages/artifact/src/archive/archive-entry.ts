export interface ArchiveEntry {
  /** Normalised, relative to the archive's root, without a trailing slash. */
  readonly path: string;
  readonly type: "file" | "directory";
  /** Bytes of the content. */
  readonly size: number;
  /** Permission bits as stored, 0 where the archive has none. For information: extraction sets its own. */
  readonly mode: number;
  /**
   * The content, once, before the next entry is asked for. Content that is not read is read and checked by the reader itself.
   * Throws BundleError when it is not what the archive declares.
   */
  content(): AsyncIterable<Uint8Array>;
}
