/** What went wrong, as a page shows it: the one form of every error of the APIs. */
export interface Problem {
  /** A stable code of the APIs; `UNREACHABLE` when none answered. */
  code: string;
  /** A sentence for people. */
  message: string;
  traceId: string | null;
  retryable: boolean;
  /** Messages by the field's name in the request, such as `name` or `envVarKeys.0`. */
  fields: Readonly<Record<string, string>>;
  /** What the code brings along, such as `limitType` of a LIMIT_EXCEEDED. */
  details: Readonly<Record<string, unknown>>;
}

/** A problem that the page finds itself, in the same form. */
export function invalid(fields: Readonly<Record<string, string>>, message = "Check the marked fields."): Problem {
  return { code: "INVALID_REQUEST", message, traceId: null, retryable: false, fields, details: {} };
}

export function isProblem(value: unknown): value is Problem {
  return typeof value === "object" && value !== null && "code" in value && "message" in value && "fields" in value;
}
