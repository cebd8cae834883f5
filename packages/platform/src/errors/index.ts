import { errorStatus, type ErrorBody, type ErrorCode, type FieldError, type LimitType } from "@whs/api";

export interface AppErrorOptions {
  details?: Record<string, unknown>;
  retryable?: boolean;
  /** Only where the code's own status is not the right one: 405, 413, 504. */
  status?: number;
  /** Seconds for `Retry-After`. */
  retryAfterSeconds?: number;
  headers?: Record<string, string>;
  /** Private: logged, never answered. */
  cause?: unknown;
}

/** The one error that becomes an answer. `message` is public; `cause` is not. */
export class AppError extends Error {
  readonly code: ErrorCode;
  readonly status: number;
  readonly details: Record<string, unknown>;
  readonly retryable: boolean;
  readonly headers: Record<string, string>;
  constructor(code: ErrorCode, message: string, options: AppErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "AppError";
    this.code = code;
    this.status = options.status ?? errorStatus[code];
    this.details = options.details ?? {};
    this.retryable = options.retryable ?? (code === "RATE_LIMITED" || code === "UNAVAILABLE");
    this.headers = { ...options.headers };
    const retryAfter = options.retryAfterSeconds ?? (this.retryable && (code === "RATE_LIMITED" || code === "UNAVAILABLE") ? 1 : undefined);
    if (retryAfter !== undefined) this.headers["retry-after"] = String(Math.max(1, Math.ceil(retryAfter)));
  }

  body(traceId: string): ErrorBody {
    return { error: { code: this.code, message: this.message, details: this.details, retryable: this.retryable }, traceId };
  }
}

/** `what` is a noun, never an id: the answer for a foreign id is the same, byte for byte, as for one that never existed. */
export function notFound(what: string): AppError {
  return new AppError("NOT_FOUND", `${what} not found.`);
}

export function unauthenticated(message = "Sign in, or send an API token as bearer."): AppError {
  return new AppError("UNAUTHENTICATED", message, { headers: { "www-authenticate": "Bearer" } });
}

export function conflict(message: string, options: AppErrorOptions = {}): AppError {
  return new AppError("CONFLICT", message, options);
}

/** A request whose fields break a rule; the message names the first of them. */
export function invalidRequest(fields: FieldError[], options: AppErrorOptions = {}): AppError {
  const message = `${subjectOf(fields)}.`;
  return new AppError("INVALID_REQUEST", message.replace(/\.\.$/, "."), { ...options, details: { ...options.details, fields } });
}

function subjectOf([first]: readonly FieldError[]): string {
  if (first === undefined) return "The request is not valid";
  return first.fieldName === "" ? `The request ${first.message}` : `${first.fieldName}: ${first.message}`;
}

export function limitExceeded(
  details: { limitType: LimitType; periodKey: string | null; current: number; limit: number; suggestedAction: string },
  message: string,
): AppError {
  return new AppError("LIMIT_EXCEEDED", message, { details });
}

export function internal(cause: unknown): AppError {
  return new AppError("INTERNAL", "Something went wrong on our side. The trace id helps to find out what.", { cause });
}

/** Errors of PostgreSQL carry a five-character SQLSTATE (Appendix A of its manual). */
export function sqlState(error: unknown): string | undefined {
  return typeof error === "object" &&
    error !== null &&
    "code" in error &&
    typeof error.code === "string" &&
    /^[0-9A-Z]{5}$/.test(error.code)
    ? error.code
    : undefined;
}
/** Name of the constraint or index that a statement broke. */
export function brokenConstraint(error: unknown): string | undefined {
  return typeof error === "object" && error !== null && "constraint" in error && typeof error.constraint === "string"
    ? error.constraint
    : undefined;
}

/**
 * The answer that a repeated request gets for a failure, or undefined where it shall be tried anew: validation,
 * retryable failures and faults of ours are not kept.
 */
export function toStoredError(error: unknown): { status: number; body: { error: ErrorBody["error"] } } | undefined {
  if (!(error instanceof AppError) || error.retryable || error.code === "INVALID_REQUEST" || error.code === "INTERNAL") return undefined;
  return { status: error.status, body: { error: error.body("").error } };
}
