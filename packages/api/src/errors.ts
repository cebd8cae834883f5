/** Stable error codes of the WHS API and the HTTP status each one answers with. */
export const errorStatus = {
  UNAUTHENTICATED: 401,
  UNAUTHORIZED: 403,
  NOT_FOUND: 404,
  INVALID_REQUEST: 400,
  CONFLICT: 409,
  RATE_LIMITED: 429,
  LIMIT_EXCEEDED: 402,
  DEPLOYMENT_FAILED: 502,
  RUNTIME_ERROR: 502,
  UNAVAILABLE: 503,
  INTERNAL: 500,
} as const;

export type ErrorCode = keyof typeof errorStatus;

/** Which budget or gate a `LIMIT_EXCEEDED` names. */
export const limitTypes = [
  "requests",
  "tokens",
  "computeMs",
  "runtimeGated",
  "toolCalls",
  "codeExecutionSeconds",
  "browserSessions",
  "maxAgents",
] as const;
export type LimitType = (typeof limitTypes)[number];

export interface FieldError {
  /** Dotted path of the field in the request, such as `input.messages.0.role`. */
  fieldName: string;
  message: string;
}

/** Body of every answer that is not 2xx. */
export interface ErrorBody {
  error: { code: ErrorCode; message: string; details: Record<string, unknown>; retryable: boolean };
  traceId: string;
}
