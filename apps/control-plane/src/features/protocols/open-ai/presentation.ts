import { type ErrorCode, type FieldError, openAi } from "@whs/api";
import type { AppError } from "@whs/platform/errors";
import type { Presentation } from "@whs/platform/http";
import { newId } from "@whs/platform/ids";

/** Failures as OpenAI has them. The trace id is OpenAI's request id as well, which its clients show. */
export const openAiPresentation: Presentation = {
  idHeader: "x-trace-id",
  idField: null,
  newId: () => newId("trc"),
  failure: (error, traceId) => ({
    status: statusOf(error),
    body: openAiError(error),
    headers: { "x-request-id": traceId, ...rateHeaders(error.headers), ...retryHeaders(error) },
  }),
};

export function openAiError(error: AppError): { error: { message: string; type: string; param: string | null; code: string | null } } {
  const { fields } = error.details as { fields?: readonly FieldError[] };
  const { type, code, param = null } = names[error.code];
  return { error: { message: error.message, type, param: fields?.[0]?.fieldName || param, code } };
}

const names: Readonly<Record<ErrorCode, { type: string; code: string | null; param?: string }>> = {
  UNAUTHENTICATED: { type: "invalid_request_error", code: "invalid_api_key" },
  UNAUTHORIZED: { type: "invalid_request_error", code: "insufficient_permissions" },
  NOT_FOUND: { type: "invalid_request_error", code: "model_not_found", param: "model" },
  INVALID_REQUEST: { type: "invalid_request_error", code: null },
  CONFLICT: { type: "invalid_request_error", code: "conflict" },
  RATE_LIMITED: { type: "requests", code: "rate_limit_exceeded" },
  LIMIT_EXCEEDED: { type: "insufficient_quota", code: "insufficient_quota" },
  DEPLOYMENT_FAILED: { type: "server_error", code: "server_error" },
  RUNTIME_ERROR: { type: "server_error", code: "server_error" },
  UNAVAILABLE: { type: "server_error", code: "overloaded" },
  INTERNAL: { type: "server_error", code: "server_error" },
};

/** An error with a status of its own, such as a body that is too large, keeps it. */
function statusOf(error: AppError): number {
  return error.code === "LIMIT_EXCEEDED" ? openAi.statuses.LIMIT_EXCEEDED : error.status;
}

/** OpenAI's clients repeat by status alone, unless they are told not to. */
function retryHeaders({ retryable }: AppError): Record<string, string> {
  return retryable ? {} : { "x-should-retry": "false" };
}

function rateHeaders(headers: Readonly<Record<string, string>>): Record<string, string> {
  const { "ratelimit-limit": limit, "ratelimit-remaining": remaining, "ratelimit-reset": reset } = headers;
  if (limit === undefined || remaining === undefined || reset === undefined) return {};
  return { "x-ratelimit-limit-requests": limit, "x-ratelimit-remaining-requests": remaining, "x-ratelimit-reset-requests": `${reset}s` };
}
