/** All that the contract asks of a file system. Nothing here can write. */
export interface ArtifactFiles {
  /** Absolute path without links; null where nothing is, or a link leads nowhere or in circles. */
  realPath(path: string): Promise<string | null>;
  /** Of what the path leads to, links followed. Null where nothing is. */
  stat(path: string): Promise<FileStat | null>;
  /** Names in a folder; null for one that is not valid UTF-8. */
  list(folder: string): Promise<(string | null)[]>;
  /** The content of a file, which must be no link itself. */
  read(file: string): AsyncIterable<Uint8Array>;
}

export interface FileStat {
  kind: "file" | "directory" | "other";
  /** Bytes. */
  size: number;
}
