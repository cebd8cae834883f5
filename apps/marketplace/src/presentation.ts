import type { fleetprompt } from "@whs/api";
import type { AppError } from "@whs/platform/errors";
import type { Presentation } from "@whs/platform/http";
import { newId } from "@whs/platform/ids";

/** Ids and errors as the contract of FleetPrompt has them. */
export const presentation: Presentation = {
  idHeader: "x-request-id",
  idField: "requestId",
  newId: () => newId("req"),
  failure(error, requestId) {
    const { status, code } = classify(error);
    const { fields, hint } = error.details;
    const details = { ...(typeof hint === "string" ? { hint } : {}), ...(Array.isArray(fields) ? { fields } : {}) };
    const body: fleetprompt.FleetPromptErrorBody = {
      error: { code, message: error.message, requestId, ...(Object.keys(details).length > 0 ? { details } : {}) },
    };
    return { status, body };
  },
};

/** The platform's codes are those of WHS; statuses tell apart what FleetPrompt calls by different names. */
function classify(error: AppError): { status: number; code: fleetprompt.FleetPromptErrorCode } {
  const { code, status } = error;
  switch (code) {
    case "UNAUTHENTICATED":
    case "UNAUTHORIZED":
    case "NOT_FOUND":
    case "CONFLICT":
    case "RATE_LIMITED":
      return { status, code };
    case "INVALID_REQUEST":
      if (status === 413) return { status, code: "TOO_LARGE" };
      if (status === 415 || status === 422) return { status, code: "UNSUPPORTED" };
      return isMediaType(error.cause) ? { status: 415, code: "UNSUPPORTED" } : { status, code: "VALIDATION_FAILED" };
    case "UNAVAILABLE":
      // The contract has no code of its own for it; status and Retry-After say that it passes.
      return { status: 503, code: "INTERNAL" };
    case "INTERNAL":
    case "LIMIT_EXCEEDED":
    case "DEPLOYMENT_FAILED":
    case "RUNTIME_ERROR":
      return { status: 500, code: "INTERNAL" };
  }
}

function isMediaType(cause: unknown): boolean {
  return typeof cause === "object" && cause !== null && "code" in cause && cause.code === "FST_ERR_CTP_INVALID_MEDIA_TYPE";
}
