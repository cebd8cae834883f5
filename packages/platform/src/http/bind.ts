import type { AnswerOf, BodyOf, Endpoint, ParamsOf, QueryOf } from "@whs/api";
import { AppError, invalidRequest } from "@whs/platform/errors";
import { createHash } from "node:crypto";
import type { IncomingHttpHeaders, ServerResponse } from "node:http";
import type { Readable } from "node:stream";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { defaultBodyBytes } from "./app.ts";
import { parseInput } from "./validation.ts";

/** What a handler knows of the request beyond its parsed input. */
export interface HttpRequest {
  readonly traceId: string;
  method: string;
  /** Path and query as sent. */
  url: string;
  headers: IncomingHttpHeaders;
  /** Aborted when the caller goes away before the answer is complete. */
  signal: AbortSignal;
  /** The caller's address; a trusted proxy's `X-Forwarded-For` counts. */
  address: string;
}

export interface HandlerInput<E extends Endpoint> {
  params: ParamsOf<E>;
  query: QueryOf<E>;
  body: BodyOf<E>;
  /** The bytes as sent, for endpoints with a `raw` body. */
  rawBody: E["body"] extends { kind: "raw" } ? Buffer : undefined;
  /** The bytes as a stream, for endpoints with a `stream` body. */
  stream: E["body"] extends { kind: "stream" } ? Readable : undefined;
  http: {
    request: HttpRequest;
    setHeader(name: string, value: string): void;
    /** Answers under another trace id, which the body named. */
    useTraceId(traceId: string): void;
    /** Hands the answer over to the handler, which then writes all of it; headers set so far are sent first. */
    takeOver(): ServerResponse;
  };
}

/** Answer of a handler that took the response over. */
export const streamed = Symbol("the handler has written the answer itself");

export type Handler<E extends Endpoint, C, Result = AnswerOf<E>> = (
  context: C,
  input: HandlerInput<E>,
) => Promise<Result | typeof streamed>;

/** Stores answers of creating requests, so that a repeated request gets the same one. */
export interface IdempotencyGuard<C> {
  run(
    context: C,
    key: IdempotentRequest,
    work: (context: C) => Promise<IdempotentAnswer>,
  ): Promise<IdempotentAnswer & { replayed: boolean }>;
}
export interface IdempotentRequest {
  method: string;
  /** Concrete path, as sent. */
  path: string;
  key: string;
  /** SHA-256 of the body. */
  requestHash: string;
  /** Status of the answer when the work succeeds. */
  successStatus: number;
}
export interface IdempotentAnswer {
  status: number;
  /** Without secrets and without the trace id. */
  body: unknown;
}

export interface BindingOptions<C> {
  /** Finds out who calls, by credentials alone: the body is not read yet. */
  authenticate(endpoint: Endpoint, request: HttpRequest): Promise<C>;
  idempotency: IdempotencyGuard<C>;
}

export interface BindOptions<E extends Endpoint, Result> {
  /** Limit that the configuration sets in place of the endpoint's own. */
  maxBytes?: number;
  /** Adds what may not be stored to an answer, at its first sending and at each replay. */
  complete?: (answer: Result) => AnswerOf<E>;
}

export type Bind<C> = <E extends Endpoint, Result = AnswerOf<E>>(
  endpoint: E,
  handler: Handler<E, C, Result>,
  options?: BindOptions<E, Result>,
) => void;

/** Binds endpoint values to a Fastify server. */
export function createBinder<C>(server: FastifyInstance, options: BindingOptions<C>): Bind<C> {
  return (endpoint, handler, bindOptions = {}) => {
    const contexts = new WeakMap<FastifyRequest, C>();
    const requests = new WeakMap<FastifyRequest, HttpRequest>();
    const maxBytes = bindOptions.maxBytes ?? endpoint.body?.maxBytes ?? defaultBodyBytes;
    void server.register(async (scope) => {
      if (endpoint.body && endpoint.body.kind !== "json") acceptBytes(scope, endpoint.body);
      scope.route({
        method: endpoint.method,
        url: endpoint.path.replaceAll(/\{(\w+)\}/g, ":$1"),
        bodyLimit: maxBytes,
        exposeHeadRoute: false,
        onRequest: async (request, reply) => {
          refuseTooLarge(request, maxBytes);
          const httpRequest = describe(request, reply);
          requests.set(request, httpRequest);
          contexts.set(request, await options.authenticate(endpoint, httpRequest));
        },
        handler: async (request, reply) => {
          const context = contexts.get(request) as C;
          const httpRequest = requests.get(request) as HttpRequest;
          const input = parseRequest(endpoint, request, reply, httpRequest);
          const work = async (inner: C): Promise<IdempotentAnswer | typeof streamed> => {
            const answer = await handler(inner, input);
            if (answer === streamed) return streamed;
            return { status: endpoint.answer.status, body: answer };
          };
          const key = endpoint.idempotent ? idempotencyKey(request) : undefined;
          let answer: IdempotentAnswer | typeof streamed;
          if (key === undefined) {
            answer = await work(context);
          } else {
            const requestHash = createHash("sha256")
              .update(
                request.body === undefined || endpoint.body?.kind === "stream" ? streamIdentity(request) : JSON.stringify(request.body),
              )
              .digest("hex");
            const outcome = await options.idempotency.run(
              context,
              { method: endpoint.method, path: request.url, key, requestHash, successStatus: endpoint.answer.status },
              work as (inner: C) => Promise<IdempotentAnswer>,
            );
            if (outcome.replayed) reply.header("idempotency-replayed", "true");
            answer = outcome;
          }
          if (answer === streamed) return reply;
          return send(endpoint, reply, httpRequest.traceId, answer, bindOptions.complete as ((body: unknown) => unknown) | undefined);
        },
      });
    });
  };
}

function send(
  endpoint: Endpoint,
  reply: FastifyReply,
  traceId: string,
  answer: IdempotentAnswer,
  complete: ((body: unknown) => unknown) | undefined,
): FastifyReply {
  reply.code(answer.status);
  if (answer.status >= 400) {
    return reply.type("application/json; charset=utf-8").send(JSON.stringify({ ...(answer.body as object), traceId }));
  }
  if (endpoint.answer.kind !== "json") return reply.send();
  const body = complete ? complete(answer.body) : answer.body;
  const declared = endpoint.answer.schema.parse(body);
  return reply.type("application/json; charset=utf-8").send(JSON.stringify({ ...declared, traceId }));
}

function parseRequest<E extends Endpoint>(
  endpoint: E,
  request: FastifyRequest,
  reply: FastifyReply,
  httpRequest: HttpRequest,
): HandlerInput<E> {
  const params = endpoint.params ? parseInput(endpoint.params, { ...(request.params as object) }) : {};
  const query = endpoint.query ? parseInput(endpoint.query, { ...(request.query as object) }) : {};
  if (!endpoint.query && Object.keys(request.query as object).length > 0) {
    throw invalidRequest(
      Object.keys(request.query as object).map((fieldName) => ({ fieldName, message: "is not a known query parameter" })),
    );
  }
  return {
    params,
    query,
    body: endpoint.body?.kind === "json" ? parseInput(endpoint.body.schema, request.body ?? {}) : undefined,
    rawBody: endpoint.body?.kind === "raw" ? request.body : undefined,
    stream: endpoint.body?.kind === "stream" ? request.raw : undefined,
    http: {
      request: httpRequest,
      setHeader: (name, value) => void reply.header(name, value),
      useTraceId: (traceId) => {
        request.traceId = traceId;
        reply.header("x-trace-id", traceId);
      },
      takeOver: () => {
        const headers = reply.getHeaders();
        reply.hijack();
        for (const [name, value] of Object.entries(headers)) if (value !== undefined) reply.raw.setHeader(name, value);
        return reply.raw;
      },
    },
  } as HandlerInput<E>;
}

function describe(request: FastifyRequest, reply: FastifyReply): HttpRequest {
  let controller: AbortController | undefined;
  return {
    get traceId() {
      return request.traceId;
    },
    method: request.method,
    url: request.url,
    headers: request.headers,
    address: request.ip,
    get signal() {
      if (controller === undefined) {
        const made = (controller = new AbortController());
        if (reply.raw.destroyed) made.abort();
        else reply.raw.once("close", () => (reply.raw.writableFinished ? undefined : made.abort()));
      }
      return controller.signal;
    },
  };
}

/** Bodies that a handler reads itself, or whose raw bytes a signature covers, pass by the JSON parser. */
function acceptBytes(scope: FastifyInstance, body: { kind: "stream" | "raw"; contentTypes: readonly string[] }): void {
  scope.removeAllContentTypeParsers();
  for (const type of body.contentTypes) {
    if (body.kind === "raw") scope.addContentTypeParser(type, { parseAs: "buffer" }, (_request, bytes, done) => done(null, bytes));
    else scope.addContentTypeParser(type, (_request, _payload, done) => done(null, undefined));
  }
}

function refuseTooLarge(request: FastifyRequest, maxBytes: number): void {
  const declared = request.headers["content-length"];
  if (declared === undefined || Number(declared) <= maxBytes) return;
  throw new AppError("INVALID_REQUEST", `The body has ${declared} bytes; this endpoint takes at most ${maxBytes}.`, {
    status: 413,
    details: { fields: [{ fieldName: "", message: `body is larger than ${maxBytes} bytes` }] },
  });
}

function idempotencyKey(request: FastifyRequest): string | undefined {
  const key = request.headers["idempotency-key"];
  if (key === undefined) return undefined;
  if (typeof key === "string" && /^[\x21-\x7e]{1,200}$/.test(key)) return key;
  throw invalidRequest([{ fieldName: "Idempotency-Key", message: "must be 1 to 200 visible ASCII characters" }]);
}

/** A streamed body is too large to keep; what its sender declares of it stands for it. */
function streamIdentity(request: FastifyRequest): string {
  return JSON.stringify([request.headers["content-type"], request.headers["content-length"], request.headers["content-digest"]]);
}
