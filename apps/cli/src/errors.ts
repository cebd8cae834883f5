/** What a command ends with. Scripts rely on these numbers. */
export const exitCodes = { ok: 0, failed: 1, usage: 2, notSignedIn: 3, limit: 4 } as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

interface ErrorParts {
  /** Machine-readable; one of the API's codes where one fits. */
  code?: string;
  /** Commands or short sentences that lead on. */
  next?: readonly string[];
  /** Lines that belong to the message: what is wrong where. */
  details?: readonly string[];
  cause?: unknown;
}

/** Something that the person at the keyboard can put right. Anything else that is thrown is a fault of this program. */
export class UserError extends Error {
  readonly code: string;
  readonly next: readonly string[];
  readonly details: readonly string[];
  readonly exitCode: ExitCode;

  constructor(message: string, parts: ErrorParts = {}, exitCode: ExitCode = exitCodes.failed) {
    super(message, { cause: parts.cause });
    this.name = new.target.name;
    this.code = parts.code ?? "FAILED";
    this.next = parts.next ?? [];
    this.details = parts.details ?? [];
    this.exitCode = exitCode;
  }
}

/** The command line itself, or a variable, is wrong. */
export class UsageError extends UserError {
  constructor(message: string, parts: ErrorParts = {}) {
    super(message, { code: "USAGE", ...parts }, exitCodes.usage);
  }
}

export class NotSignedInError extends UserError {
  constructor(message: string, next: readonly string[] = ["whs login"]) {
    super(message, { code: "UNAUTHENTICATED", next }, exitCodes.notSignedIn);
  }
}
