import { ApiError, type FieldError } from "@whs/api";
import { exitCodes, type ExitCode, UserError } from "./errors.ts";
import { count } from "./terminal/format.ts";
import type { Output } from "./terminal/output.ts";
import { printable, printableLine } from "./terminal/style.ts";

interface Explanation {
  message: string;
  code: string;
  /** Names and values under the message. */
  facts: readonly (readonly [name: string, value: string])[];
  next: readonly string[];
  exitCode: ExitCode;
  /** The same for programs: the API's own envelope. */
  envelope: { error: { code: string; message: string; details: Record<string, unknown>; retryable: boolean }; traceId?: string };
}

/** What went wrong, where, and what to do next. */
export function explainError(error: unknown): Explanation {
  if (error instanceof ApiError) return explainApiError(error);
  if (error instanceof UserError) {
    const { message, code, next, details, exitCode } = error;
    return {
      message,
      code,
      facts: details.map((line) => ["", line]),
      next,
      exitCode,
      envelope: { error: { code, message, details: {}, retryable: false } },
    };
  }
  const fault = error instanceof Error ? error : new Error(String(error));
  const facts = (fault.stack ?? "")
    .split("\n")
    .slice(1)
    .map((line) => ["", line.trim()] as const);
  const message = `This is a fault of whs itself: ${fault.message}`;
  return {
    message,
    code: "FAULT",
    facts,
    next: [],
    exitCode: exitCodes.failed,
    envelope: { error: { code: "FAULT", message, details: {}, retryable: false } },
  };
}

export function formatExplanation({ message, code, facts, next }: Explanation, output: Pick<Output, "noteStyle" | "typed">): string {
  const style = output.noteStyle;
  const widest = Math.max(0, ...facts.map(([name]) => name.length));
  const lines = facts.map(([name, value]) => `  ${widest === 0 ? "" : `${style.dim(name.padEnd(widest))}  `}${value}`);
  const [first = "", ...others] = printable(message).split("\n");
  const head = `${style.red("Error:")} ${first}${code === "FAILED" || code === "USAGE" ? "" : style.dim(` (${code})`)}`;
  return [head, ...others, ...lines, ...next.map((command) => `${style.dim("Next:")} ${style.cyan(output.typed(command))}`)].join("\n");
}

function explainApiError(error: ApiError): Explanation {
  const { code, message, details, retryable, traceId } = error;
  const facts: [string, string][] = fieldsOf(details).map(({ fieldName, message: reason }) => [
    printableLine(fieldName),
    printableLine(reason),
  ]);
  if (code === "LIMIT_EXCEEDED") facts.push(...limitFacts(details));
  if (code === "RATE_LIMITED" && error.retryAfterSeconds !== null) facts.push(["try again in", `${error.retryAfterSeconds} s`]);
  if (traceId !== null) facts.push(["trace", printableLine(traceId)]);
  const reason = code === "UNREACHABLE" ? reasonOf(error.cause) : undefined;
  return {
    message: reason === undefined ? message : `${message}: ${reason}`,
    code,
    facts,
    next: nextSteps(error),
    exitCode: exitCodeOf(code),
    envelope: { error: { code, message, details, retryable }, ...(traceId === null ? {} : { traceId }) },
  };
}

function exitCodeOf(code: ApiError["code"]): ExitCode {
  if (code === "UNAUTHENTICATED") return exitCodes.notSignedIn;
  return code === "LIMIT_EXCEEDED" || code === "RATE_LIMITED" ? exitCodes.limit : exitCodes.failed;
}

function fieldsOf(details: Record<string, unknown>): FieldError[] {
  const { fields } = details;
  return Array.isArray(fields) ? fields.filter(isFieldError) : [];
}

function isFieldError(value: unknown): value is FieldError {
  return (
    typeof value === "object" &&
    value !== null &&
    "fieldName" in value &&
    "message" in value &&
    typeof value.fieldName === "string" &&
    typeof value.message === "string"
  );
}

function limitFacts(details: Record<string, unknown>): [string, string][] {
  const { limitType, current, limit, periodKey, suggestedAction } = details;
  const facts: [string, string][] = [];
  if (typeof current === "number" && typeof limit === "number" && limitType !== "runtimeGated") {
    facts.push([
      typeof limitType === "string" ? printableLine(limitType) : "used",
      `${count(current)} of ${count(limit)}${typeof periodKey === "string" ? ` in ${printableLine(periodKey)}` : ""}`,
    ]);
  }
  if (typeof suggestedAction === "string") facts.push(["suggested", printableLine(suggestedAction)]);
  return facts;
}

function nextSteps({ code, details, traceId, retryable }: ApiError): string[] {
  if (code === "UNREACHABLE") return ["whs doctor", "whs up"];
  if (code === "UNAUTHENTICATED") return ["whs login"];
  if (code === "LIMIT_EXCEEDED") return [details.limitType === "maxAgents" ? "whs agents list" : "whs usage", "whs plan"];
  if (code === "RUNTIME_ERROR" && traceId !== null) return [`whs trace ${traceId}`];
  return retryable ? ["try again: this passes"] : [];
}

/** Of a failed `fetch`: the system's word for it, such as ECONNREFUSED. */
function reasonOf(cause: unknown): string | undefined {
  if (!(cause instanceof Error)) return undefined;
  if ("code" in cause && typeof cause.code === "string") return cause.code;
  return reasonOf(cause.cause);
}
