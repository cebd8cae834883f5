/** Errors of the OCI distribution specification. */
const STATUS = {
  UNAUTHORIZED: 401,
  DENIED: 403,
  NAME_INVALID: 400,
  DIGEST_INVALID: 400,
  SIZE_INVALID: 413,
  MANIFEST_INVALID: 400,
  MANIFEST_BLOB_UNKNOWN: 404,
  BLOB_UPLOAD_INVALID: 400,
  RANGE_INVALID: 416,
  NAME_UNKNOWN: 404,
  MANIFEST_UNKNOWN: 404,
  BLOB_UNKNOWN: 404,
  BLOB_UPLOAD_UNKNOWN: 404,
  UNSUPPORTED: 405,
} as const;

export class RegistryError extends Error {
  override readonly name = "RegistryError";
  readonly code: keyof typeof STATUS;

  constructor(code: keyof typeof STATUS, message: string) {
    super(message);
    this.code = code;
  }

  get status(): number {
    return STATUS[this.code];
  }
}
