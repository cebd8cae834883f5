import { AppError } from "@whs/platform/errors";
import { newId } from "@whs/platform/ids";

/** How a service names what stands around its answers: the id of the request, and the envelope of a failure. */
export interface Presentation {
  /** Header that bears the request's id, in requests and answers, in lower case. */
  idHeader: string;
  /** Field of every JSON answer with the request's id. */
  idField: string;
  newId: () => string;
  /** Status and body of a failure. */
  failure: (error: AppError, id: string) => { status: number; body: object };
}

/** `{ error: { code, message, details, retryable }, traceId }`. */
export const tracePresentation: Presentation = {
  idHeader: "x-trace-id",
  idField: "traceId",
  newId: () => newId("trc"),
  failure: (error, traceId) => ({ status: error.status, body: error.body(traceId) }),
};

/** An error as it was stored for repeated requests. */
export function storedError(status: number, body: unknown): AppError {
  const { error } = body as Pick<ReturnType<AppError["body"]>, "error">;
  return new AppError(error.code, error.message, { status, details: error.details, retryable: error.retryable });
}
