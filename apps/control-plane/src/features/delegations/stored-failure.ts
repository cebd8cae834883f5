import { errorStatus, type ErrorCode } from "@whs/api";
import { AppError } from "@whs/platform/errors";
import { z } from "zod";

const failureSchema = z.object({
  error: z.object({
    code: z.enum(Object.keys(errorStatus) as [ErrorCode, ...ErrorCode[]]),
    message: z.string(),
    details: z.record(z.string(), z.unknown()),
    retryable: z.boolean(),
  }),
});

/** The failure that a stored answer tells of, marked as a repetition. */
export function storedFailure(status: number, body: unknown): AppError {
  const { code, message, details, retryable } = failureSchema.parse(body).error;
  return new AppError(code, message, { status, details, retryable, headers: { "idempotency-replayed": "true" } });
}
