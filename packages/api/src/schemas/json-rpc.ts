import { z } from "zod";

const id = z.union([z.string().max(256), z.number()]);
export type JsonRpcId = z.output<typeof id>;

/** A request, or a notification where there is no id (JSON-RPC 2.0). Batches are not part of the protocols that use it. */
export const jsonRpcRequest = z.strictObject({
  jsonrpc: z.literal("2.0"),
  id: id.optional(),
  method: z.string().max(256),
  params: z.record(z.string(), z.unknown()).optional(),
});
export type JsonRpcRequest = z.output<typeof jsonRpcRequest>;

const error = z.object({ code: z.int(), message: z.string(), data: z.unknown().optional() });

/** The id is null where the request's could not be read. */
export const jsonRpcFailure = z.object({ jsonrpc: z.literal("2.0"), id: id.nullable(), error });
export type JsonRpcFailure = z.output<typeof jsonRpcFailure>;

/** Exactly one of `result` and `error` is there. */
export const jsonRpcResponse = z.object({
  jsonrpc: z.literal("2.0"),
  id: id.nullable(),
  result: z.unknown().optional(),
  error: error.optional(),
});
export type JsonRpcResponse = z.output<typeof jsonRpcResponse>;

/** What comes in a stream: notifications, and the response last. */
export const jsonRpcEvent = z.union([jsonRpcRequest, jsonRpcResponse]);
