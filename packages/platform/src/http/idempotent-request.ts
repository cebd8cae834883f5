import type { Endpoint } from "@whs/api";
import { type AppError, conflict, invalidRequest } from "@whs/platform/errors";
import type { FastifyRequest } from "fastify";
import { createHash } from "node:crypto";
import type { HashingStream } from "./byte-body.ts";

/** Stores answers of creating requests, so that a repeated request gets the same one. */
export interface IdempotencyGuard<C> {
  run(
    context: C,
    request: IdempotentRequest,
    work: (context: C) => Promise<IdempotentAnswer>,
  ): Promise<IdempotentAnswer & { replayed: boolean }>;
}

export interface IdempotentRequest {
  method: string;
  /** Concrete path, as sent. */
  path: string;
  key: string;
  /** SHA-256 of the body, or of what is known of a body that streams. */
  requestHash: string;
  /** Status of the answer when the work succeeds. */
  successStatus: number;
  /** SHA-256 of a body that streams, known when the work is done; stored with the answer. */
  contentSha256?: () => string | undefined;
}

export interface IdempotentAnswer {
  status: number;
  /** Without secrets and without the trace id. */
  body: unknown;
  contentSha256?: string;
}

interface KeyedRequest {
  endpoint: Endpoint;
  request: FastifyRequest;
  key: string;
  /** For endpoints with a `stream` body. */
  bytes: HashingStream | undefined;
}

/** Runs the work, or replays its answer. @throws AppError `CONFLICT` when the key came with another body before. */
export async function runOnce<C>(
  guard: IdempotencyGuard<C>,
  context: C,
  { endpoint, request, key, bytes }: KeyedRequest,
  work: (context: C) => Promise<unknown>,
): Promise<IdempotentAnswer & { replayed: boolean }> {
  const identity = bytes === undefined ? (request.body ?? null) : request.headers["content-type"];
  const idempotent: IdempotentRequest = {
    method: endpoint.method,
    path: request.url.split("?", 1)[0] ?? "",
    key,
    requestHash: createHash("sha256").update(JSON.stringify(identity)).digest("hex"),
    successStatus: endpoint.answer.status,
    ...(bytes === undefined ? {} : { contentSha256: () => bytes.sha256() }),
  };
  const answer = await guard.run(context, idempotent, async (inner) => ({ status: endpoint.answer.status, body: await work(inner) }));
  if (answer.replayed && bytes !== undefined && answer.contentSha256 !== undefined) await requireSameContent(bytes, answer.contentSha256);
  return answer;
}

/** A body that streams is compared when it has passed: its answer is known, but it is not that body's answer. */
async function requireSameContent(bytes: HashingStream, expected: string): Promise<void> {
  for await (const _ of bytes.stream);
  if (bytes.sha256() !== expected) throw conflict("This Idempotency-Key was used with another body; use a new key.");
}

/** What the `Idempotency-Key` header holds; undefined where there is none. @throws AppError */
export function parseIdempotencyKey(header: string | string[] | undefined): string | undefined {
  if (header === undefined) return undefined;
  if (typeof header === "string" && /^[\x21-\x7e]{1,200}$/.test(header)) return header;
  throw invalidRequest([{ fieldName: "Idempotency-Key", message: "must be 1 to 200 visible ASCII characters" }]);
}

/** For endpoints that take no request without one. */
export function requireIdempotencyKey(): AppError {
  return invalidRequest([
    { fieldName: "Idempotency-Key", message: "is required: a new key for each new request, the same for its repetitions" },
  ]);
}
