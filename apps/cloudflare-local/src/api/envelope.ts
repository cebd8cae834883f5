/** The envelope of every answer of Cloudflare's API. */

interface ApiMessage {
  code: number;
  message: string;
}
export interface Envelope {
  success: boolean;
  errors: readonly ApiMessage[];
  messages: readonly ApiMessage[];
  result: unknown;
}

/** A refusal with one of the codes that Cloudflare uses. */
export class ApiFailure extends Error {
  readonly status: number;
  readonly code: number;
  readonly headers: Readonly<Record<string, string>>;
  constructor(status: number, code: number, message: string, headers: Readonly<Record<string, string>> = {}, cause?: unknown) {
    super(message, { cause });
    this.name = "ApiFailure";
    this.status = status;
    this.code = code;
    this.headers = headers;
  }
}

export function success(result: unknown): Envelope {
  return { success: true, errors: [], messages: [], result };
}

export function failure({ code, message }: ApiFailure): Envelope {
  return { success: false, errors: [{ code, message }], messages: [], result: null };
}

export const notFound = {
  route: () => new ApiFailure(404, 7003, "Could not route to this address: the local API does not have it."),
  namespace: () => new ApiFailure(404, 100119, "workers.api.error.dispatch_namespace_not_found"),
  script: () => new ApiFailure(404, 10007, "This Worker does not exist on your account."),
};

/** Of an upload that cannot be used as it is. */
export function refused(message: string): ApiFailure {
  return new ApiFailure(400, 10021, message);
}
