/**
 * Where secrets live outside the database. A driver may hold nothing of a value in memory after a call, and no error of
 * any method ever contains one. All methods may be called by several processes at once.
 *
 * @throws SecretStoreError from every method, with one of its codes.
 */
export interface SecretStore {
  /**
   * Stores a value under a new reference and returns it once the value is safe on the disk. Earlier references of the
   * same path stay as they are. `path` says what the value is, like `agents/agt_…/API_KEY`; it is kept with the value.
   */
  put(path: string, value: string): Promise<string>;
  /** The value behind a reference of `put`; undefined when it was deleted. */
  get(ref: string): Promise<string | undefined>;
  /** Deletes what is behind a reference; one that is gone already is fine. */
  delete(ref: string): Promise<void>;

  /**
   * The current value at a well-known path, for secrets of the system itself that no database row refers to.
   * These values are apart from those of `put`.
   */
  getByPath(path: string): Promise<string | undefined>;
  /** Sets the value at a well-known path; readers see the old value or the new one. */
  putByPath(path: string, value: string): Promise<void>;
  deleteByPath(path: string): Promise<void>;
  /** The value at a well-known path, made by `generate` when there is none: of several processes at once all get the same. */
  ensure(path: string, generate: () => string): Promise<string>;

  /**
   * Deletes what `put` stored before `olderThan` and no one refers to: a value whose database transaction came to
   * nothing. Read the known references after choosing a time that is longer ago than any transaction takes.
   * @returns how many references were deleted.
   */
  sweep(knownRefs: ReadonlySet<string>, olderThan: Date): Promise<number>;

  /** @throws SecretStoreError when values could not be read or written now. */
  healthcheck(): Promise<void>;
  /** Ends timers and connections; the store is not used after it. */
  close(): Promise<void>;
}

export type SecretStoreErrorCode =
  | "invalid_path"
  | "invalid_ref"
  | "invalid_value"
  /** The master key file is not a usable key, or others may read it. */
  | "master_key_unusable"
  /** There is a vault, but the file with its master key is gone. */
  | "master_key_missing"
  | "wrong_master_key"
  /** What is stored was changed, cut, swapped or belongs to another place. */
  | "damaged"
  /** The storage refuses what this process is or presents: its user, its token, its signature or its policy. */
  | "denied"
  /** The storage did not do what it was asked. */
  | "unavailable";

/** Names what went wrong and where; never contains a value or a key. */
export class SecretStoreError extends Error {
  readonly code: SecretStoreErrorCode;
  constructor(code: SecretStoreErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "SecretStoreError";
    this.code = code;
  }
}

/** Bytes in UTF-8: room for any certificate chain or service account file, far above the 64 KiB of an agent's secret. */
export const MAX_VALUE_BYTES = 256 * 1024;

const MAX_PATH_LENGTH = 512;
const PATH = /^[A-Za-z0-9_-][A-Za-z0-9._-]*(?:\/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$/;

/** @throws SecretStoreError */
export function requirePath(path: string): void {
  if (path.length > MAX_PATH_LENGTH || !PATH.test(path)) {
    throw new SecretStoreError(
      "invalid_path",
      `A secret's path is up to ${MAX_PATH_LENGTH} of A-Z a-z 0-9 . _ - in parts between slashes.`,
    );
  }
}

/** @throws SecretStoreError */
export function requireValue(value: string): void {
  if (!value.isWellFormed()) throw new SecretStoreError("invalid_value", "A secret must be valid Unicode text.");
  const bytes = Buffer.byteLength(value, "utf8");
  if (bytes > MAX_VALUE_BYTES) throw new SecretStoreError("invalid_value", `A secret may have ${MAX_VALUE_BYTES} bytes, not ${bytes}.`);
}
