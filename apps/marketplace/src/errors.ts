import { AppError } from "@whs/platform/errors";

/** What the contract foresees and this version does not do, or a body of another kind than is taken. */
export function unsupported(fieldName: string, message: string, status: 415 | 422 = 422, cause?: unknown): AppError {
  return new AppError("INVALID_REQUEST", `${fieldName}: ${message}.`, { status, details: { fields: [{ fieldName, message }] }, cause });
}
