import type { AnswerOf, BodyOf, Endpoint, ParamsOf, QueryOf } from "@whs/api";
import { invalidRequest, notFound } from "@whs/platform/errors";
import type { Logger } from "@whs/platform/log";
import type { IncomingHttpHeaders, ServerResponse } from "node:http";
import type { Readable } from "node:stream";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { defaultBodyBytes } from "./app.ts";
import { hashingStream, type HashingStream, requireLength } from "./byte-body.ts";
import { isFresh } from "./fresh.ts";
import { type IdempotencyGuard, type IdempotentAnswer, parseIdempotencyKey, requireIdempotencyKey, runOnce } from "./idempotent-request.ts";
import { originOf, type Presentation, storedError, tracePresentation } from "./presentation.ts";
import { answersHead } from "./unknown-routes.ts";
import { parseInput } from "./validation.ts";

/** What a handler knows of the request beyond its parsed input. */
export interface HttpRequest {
  readonly traceId: string;
  method: string;
  /** Path and query as sent. */
  url: string;
  headers: IncomingHttpHeaders;
  /** Places of the path, as sent. */
  params: Readonly<Record<string, string>>;
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
    /**
     * Hands the answer over to the handler, which then writes all of it; headers set so far are sent first. When the
     * handler throws afterwards, the connection is cut, so that the caller sees that the answer is not complete.
     */
    takeOver(): ServerResponse;
  };
}

/** Answer of a handler that took the response over. */
export const streamed = Symbol("the handler has written the answer itself");

export type Handler<E extends Endpoint, C, Result = AnswerOf<E>> = (
  context: C,
  input: HandlerInput<E>,
) => Promise<Result | typeof streamed>;

export interface BindingOptions<C> {
  log: Logger;
  /** Finds out who calls, by credentials alone: the body is not read yet. */
  authenticate(endpoint: Endpoint, request: HttpRequest): Promise<C>;
  /** Refuses whoever asks too often, before the body is read. @returns headers for the answer. @throws AppError */
  limit?: (endpoint: Endpoint, request: HttpRequest, context: C) => Promise<Readonly<Record<string, string>>>;
  idempotency: IdempotencyGuard<C>;
  /** How these endpoints answer, where it is not WHS's own way. */
  presentation?: Presentation;
}

export interface BindOptions<E extends Endpoint, C, Result> {
  /** Limit that the configuration sets in place of the endpoint's own. */
  maxBytes?: number;
  /** Adds what may not be stored to an answer, at its first sending and at each replay, for whoever asks then. */
  complete?: (answer: Result, context: C) => AnswerOf<E>;
}

export type Bind<C> = <E extends Endpoint, Result = AnswerOf<E>>(
  endpoint: E,
  handler: Handler<E, C, Result>,
  options?: BindOptions<E, C, Result>,
) => void;

/** A handler and what completes its answer, whatever endpoint they are for. */
interface Bound<C> {
  endpoint: Endpoint;
  handler: Handler<Endpoint, C, unknown>;
  complete: (answer: unknown, context: C) => unknown;
  maxBytes: number;
  presentation: Presentation;
}

/** Binds endpoint values to a Fastify server. */
export function createBinder<C>(server: FastifyInstance, options: BindingOptions<C>): Bind<C> {
  return (endpoint, handler, bindOptions = {}) => {
    const bound: Bound<C> = {
      endpoint,
      handler,
      complete: (bindOptions.complete as ((answer: unknown, context: C) => unknown) | undefined) ?? ((answer) => answer),
      maxBytes: bindOptions.maxBytes ?? endpoint.body?.maxBytes ?? defaultBodyBytes,
      presentation: options.presentation ?? tracePresentation,
    };
    const admitted = new WeakMap<FastifyRequest, { context: C; httpRequest: HttpRequest }>();
    void server.register(async (scope) => {
      if (endpoint.body && endpoint.body.kind !== "json") acceptBytes(scope, endpoint.body);
      scope.route({
        method: endpoint.method,
        url: endpoint.path.replaceAll(/\{(\w+)\}/g, ":$1"),
        bodyLimit: bound.maxBytes,
        exposeHeadRoute: answersHead(endpoint),
        config: options.presentation === undefined ? {} : { presentation: options.presentation },
        onRequest: async (request, reply) => {
          requireLength(request, bound.maxBytes);
          const httpRequest = describe(request, reply);
          const context = await options.authenticate(endpoint, httpRequest);
          if (options.limit !== undefined) reply.headers(await options.limit(endpoint, httpRequest, context));
          admitted.set(request, { context, httpRequest });
        },
        handler: async (request, reply) => {
          const { context, httpRequest } = admitted.get(request) as { context: C; httpRequest: HttpRequest };
          return respond(options, bound, context, { request, reply, httpRequest });
        },
      });
    });
  };
}

interface Exchange {
  request: FastifyRequest;
  reply: FastifyReply;
  httpRequest: HttpRequest;
}

async function respond<C>(options: BindingOptions<C>, bound: Bound<C>, context: C, exchange: Exchange): Promise<FastifyReply> {
  const { endpoint } = bound;
  const { request, reply, httpRequest } = exchange;
  const bytes = endpoint.body?.kind === "stream" ? hashingStream(request.raw, bound.maxBytes) : undefined;
  try {
    const input = parseRequest(endpoint, exchange, bytes);
    const key = endpoint.idempotent ? parseIdempotencyKey(request.headers["idempotency-key"]) : undefined;
    if (key === undefined && endpoint.idempotent === "required") throw requireIdempotencyKey();
    if (key !== undefined) {
      const work = async (inner: C): Promise<unknown> => {
        const body = await bound.handler(inner, input);
        if (body === streamed) throw new Error(`${endpoint.name} cannot both stream its answer and store it`);
        return body;
      };
      const answer = await runOnce(options.idempotency, context, { endpoint, request, key, bytes }, work);
      if (answer.replayed) reply.header("idempotency-replayed", "true");
      return send(bound, context, exchange, answer);
    }
    const body = await bound.handler(context, input);
    return body === streamed ? reply : send(bound, context, exchange, { status: endpoint.answer.status, body });
  } catch (error) {
    if (!reply.sent || reply.raw.writableEnded) throw error;
    options.log.error({ err: error, traceId: httpRequest.traceId, route: endpoint.path }, "An answer broke off");
    reply.raw.destroy();
    return reply;
  }
}

function send<C>(
  { endpoint, complete, presentation }: Bound<C>,
  context: C,
  { request, reply, httpRequest }: Exchange,
  answer: IdempotentAnswer,
): FastifyReply {
  const id = presentation.idField === null ? {} : { [presentation.idField]: httpRequest.traceId };
  if (answer.status >= 400) {
    const failure = presentation.failure(storedError(answer.status, answer.body), httpRequest.traceId, originOf(request));
    return sendJson(reply.code(failure.status), failure.body);
  }
  reply.code(answer.status);
  if (endpoint.answer.kind !== "json") return reply.send();
  const body = endpoint.answer.schema.parse(complete(answer.body, context));
  if (endpoint.cacheSeconds !== undefined && isFresh(request, reply, body, endpoint.cacheSeconds)) return reply.code(304).send();
  return sendJson(reply, { ...body, ...id });
}

function sendJson(reply: FastifyReply, body: object): FastifyReply {
  return reply.type("application/json; charset=utf-8").send(JSON.stringify(body));
}

function parseRequest(
  endpoint: Endpoint,
  { request, reply, httpRequest }: Exchange,
  bytes: HashingStream | undefined,
): HandlerInput<Endpoint> {
  const { body } = endpoint;
  const params = request.params as Readonly<Record<string, string>>;
  // The router matches a place that is empty; nothing has an empty id.
  if (Object.values(params).includes("")) throw notFound("Route");
  const input = {
    params: endpoint.params ? parseInput(endpoint.params, params) : {},
    query: endpoint.query ? parseInput(endpoint.query, request.query) : requireNone(request.query, "is not a known query parameter"),
    body: body?.kind === "json" ? parseInput(body.schema, request.body ?? {}) : undefined,
    rawBody: body?.kind === "raw" ? (request.body ?? Buffer.alloc(0)) : undefined,
    stream: bytes?.stream,
    http: {
      request: httpRequest,
      setHeader: (name: string, value: string) => void reply.header(name, value),
      useTraceId: (traceId: string) => {
        request.traceId = traceId;
        reply.header("x-trace-id", traceId);
      },
      takeOver: () => takeOver(reply),
    },
  };
  if (body === undefined) requireNone(request.body ?? {}, "is not a known field");
  return input as HandlerInput<Endpoint>;
}

function requireNone(sent: unknown, message: string): Record<string, never> {
  const names = typeof sent === "object" && sent !== null ? Object.keys(sent) : [""];
  if (names.length > 0)
    throw invalidRequest(names.map((fieldName) => ({ fieldName, message: fieldName === "" ? "must have no body" : message })));
  return {};
}

function takeOver(reply: FastifyReply): ServerResponse {
  const headers = reply.getHeaders();
  reply.hijack();
  for (const [name, value] of Object.entries(headers)) if (value !== undefined) reply.raw.setHeader(name, value);
  return reply.raw;
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
    params: request.params as Readonly<Record<string, string>>,
    address: request.ip,
    get signal() {
      controller ??= abortedWhenCallerLeaves(reply.raw);
      return controller.signal;
    },
  };
}

function abortedWhenCallerLeaves(response: ServerResponse): AbortController {
  const controller = new AbortController();
  if (response.destroyed) controller.abort();
  else response.once("close", () => (response.writableFinished ? undefined : controller.abort()));
  return controller;
}

/** Bodies that a handler reads itself, or whose raw bytes a signature covers, pass by the JSON parser. */
function acceptBytes(scope: FastifyInstance, body: { kind: "stream" | "raw"; contentTypes: readonly string[] }): void {
  scope.removeAllContentTypeParsers();
  for (const type of body.contentTypes) {
    if (body.kind === "raw") scope.addContentTypeParser(type, { parseAs: "buffer" }, (_request, bytes, done) => done(null, bytes));
    else scope.addContentTypeParser(type, (_request, _payload, done) => done(null, undefined));
  }
}
