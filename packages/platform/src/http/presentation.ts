import { AppError } from "@whs/platform/errors";
import { newId } from "@whs/platform/ids";
import type { FastifyRequest } from "fastify";

/** How a service names what stands around its answers: the id of the request, and the envelope of a failure. */
export interface Presentation {
  /** Header that bears the request's id, in requests and answers, in lower case. */
  idHeader: string;
  /** Field of every JSON answer with the request's id; null where the header alone bears it. */
  idField: string | null;
  newId: () => string;
  /** Status and body of a failure, and headers beyond the error's own. `origin` is where the caller reached the service, once that is known. */
  failure: (error: AppError, id: string, origin?: string) => { status: number; body: object; headers?: Readonly<Record<string, string>> };
}

declare module "fastify" {
  interface FastifyContextConfig {
    /** Of a route that answers in another form than its server. */
    presentation?: Presentation;
  }
}

/** How the route that a request matched answers; the server's way where it has none of its own. */
export function presentationOf(request: FastifyRequest, ofServer: Presentation): Presentation {
  return request.routeOptions.config.presentation ?? ofServer;
}

/** Scheme, host and port that a request was sent to, as the caller or a trusted proxy names them. */
export function originOf({ protocol, host }: FastifyRequest): string {
  return `${protocol}://${host}`;
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
