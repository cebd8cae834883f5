import type { ErrorCode, JsonRpcFailure, JsonRpcId } from "@whs/api";
import { AppError } from "@whs/platform/errors";
import type { Presentation } from "@whs/platform/http";
import { newId } from "@whs/platform/ids";

/** JSON-RPC 2.0, section 5.1. */
export const rpcCodes = { parse: -32700, invalidRequest: -32600, methodNotFound: -32601, invalidParams: -32602, internal: -32603 } as const;

type RpcError = JsonRpcFailure["error"];

/** A failure with a code of the protocol's own, or with the id of its request. Status 200 puts it in an answer like any other. */
export class RpcFailure extends AppError {
  readonly rpc: RpcError | undefined;
  readonly id: JsonRpcId | null;
  constructor(cause: AppError, { rpc, id = null }: { rpc?: RpcError | undefined; id?: JsonRpcId | null }) {
    super(cause.code, cause.message, {
      status: cause.status,
      details: cause.details,
      retryable: cause.retryable,
      headers: cause.headers,
      cause: cause.cause ?? cause,
    });
    this.rpc = rpc;
    this.id = id;
  }
}

/** @param status 200 where the transport has done its part */
export function rpcFailure(rpc: RpcError, status: number, code: ErrorCode = "INVALID_REQUEST"): RpcFailure {
  return new RpcFailure(new AppError(code, rpc.message, { status, retryable: false }), { rpc });
}

/** A failure of a request whose id could be read. */
export function withId(error: AppError, id: JsonRpcId): RpcFailure {
  return new RpcFailure(error, { id, rpc: error instanceof RpcFailure ? error.rpc : undefined });
}

/**
 * WHS's own codes, which JSON-RPC has none for, are their HTTP status: application errors lie outside of the range that
 * JSON-RPC keeps for itself. `data` says the rest, as `/v1` would.
 */
export function toRpcError(error: AppError, traceId: string): RpcError {
  if (error instanceof RpcFailure && error.rpc !== undefined) return error.rpc;
  const { code, details, retryable } = error;
  return { code: codeOf(error), message: error.message, data: { code, details, retryable, traceId } };
}

function codeOf(error: AppError): number {
  // What the JSON parser and the decoder of UTF-8 throw.
  if (error.cause instanceof SyntaxError || error.cause instanceof TypeError) return rpcCodes.parse;
  if (error.code === "INVALID_REQUEST") return rpcCodes.invalidRequest;
  return error.code === "INTERNAL" ? rpcCodes.internal : error.status;
}

export function failureAnswer(error: AppError, traceId: string): JsonRpcFailure {
  return { jsonrpc: "2.0", id: error instanceof RpcFailure ? error.id : null, error: toRpcError(error, traceId) };
}

/** @param metadataUrl of the document that says who signs people in, for an origin that the service was reached at */
export function createRpcPresentation(metadataUrl: (origin: string) => string): Presentation {
  return {
    idHeader: "x-trace-id",
    idField: null,
    newId: () => newId("trc"),
    failure: (error, traceId, origin) => ({
      status: error.status,
      body: failureAnswer(error, traceId),
      ...(origin === undefined ? {} : { headers: challenge(error, metadataUrl(origin)) }),
    }),
  };
}

/** RFC 9728, section 5.1: a client without a credential, or with too little of one, learns where to get it. */
function challenge({ headers }: AppError, url: string): Record<string, string> {
  const scheme = headers["www-authenticate"];
  if (scheme === undefined) return {};
  return { "www-authenticate": `${scheme}${scheme === "Bearer" ? " " : ", "}resource_metadata="${url}"` };
}
