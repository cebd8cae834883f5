import { redactText } from "./redact-text.ts";

/** What a log line says about an error. Other properties stay out: drivers put queries, rows and headers there. */
export interface LoggedError {
  type: string;
  message: string;
  /** Code of the error itself: one of the API's, of PostgreSQL or of the operating system. */
  code?: string;
  status?: number;
  stack?: string;
  cause?: LoggedError;
  /** Of an AggregateError, the first five. */
  errors?: LoggedError[];
}

const MAX_MESSAGE_LENGTH = 4_096;
const MAX_STACK_LENGTH = 8_192;
const MAX_CAUSES = 5;
const MAX_ERRORS = 5;

/** Anything that was thrown, as plain data. */
export function serializeError(error: unknown, depth = 0): LoggedError {
  if (!(error instanceof Error)) return { type: typeof error, message: text(describe(error), MAX_MESSAGE_LENGTH) };
  const logged: LoggedError = { type: text(error.name, 100), message: text(error.message, MAX_MESSAGE_LENGTH) };
  if ("code" in error && (typeof error.code === "string" || typeof error.code === "number")) logged.code = text(String(error.code), 100);
  if ("status" in error && typeof error.status === "number") logged.status = error.status;
  if (typeof error.stack === "string") logged.stack = text(error.stack, MAX_STACK_LENGTH);
  if (depth >= MAX_CAUSES) return logged;
  if (error.cause !== undefined) logged.cause = serializeError(error.cause, depth + 1);
  if (error instanceof AggregateError)
    logged.errors = error.errors.slice(0, MAX_ERRORS).map((inner: unknown) => serializeError(inner, depth + 1));
  return logged;
}

/** Redacted before it is cut: half a secret would no longer be recognised. */
function text(value: string, maxLength: number): string {
  const redacted = redactText(value);
  return redacted.length > maxLength ? `${redacted.slice(0, maxLength)}…` : redacted;
}

function describe(thrown: unknown): string {
  if (typeof thrown !== "object" || thrown === null) return String(thrown);
  return "message" in thrown && typeof thrown.message === "string" ? thrown.message : "An object that is not an error was thrown.";
}
