import { invalidRequest } from "@whs/platform/errors";
import type { Logger } from "@whs/platform/log";
import Fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { answerBrokenRequest, answerUnservedRequests } from "./broken-request.ts";
import { addCors } from "./cors.ts";
import { toAppError } from "./errors.ts";
import { parseJsonStrictly } from "./json-body.ts";
import { type OverloadOptions, shedOverload } from "./overload.ts";
import { originOf, type Presentation, presentationOf, tracePresentation } from "./presentation.ts";

export interface HttpOptions {
  log: Logger;
  /** Addresses whose `X-Forwarded-For` is believed. */
  trustedProxies?: readonly string[];
  /** Origins that browsers may call from; none by default. */
  corsOrigins?: readonly string[];
  /** Paths that begin like this are for servers alone: no browser is told that it may call them. */
  serversOnly?: string;
  /** Names of ids and form of errors. Default WHS's. */
  presentation?: Presentation;
  /** When new requests are refused rather than made to wait; never by default. */
  overload?: OverloadOptions;
  /** Connections at once; beyond it new ones are closed. Default 10,000. */
  maxConnections?: number;
  /** Told of each connection that was closed since there were too many. */
  onConnectionDropped?: () => void;
}

declare module "fastify" {
  interface FastifyRequest {
    traceId: string;
  }
}

/** JSON bodies without a limit of their own. */
export const defaultBodyBytes = 256 * 1024;

/** Node refuses a request whose line and headers are larger, so that no parameter ever is. */
const maxHeaderBytes = 16 * 1024;
/** A request must have arrived by then: the largest upload takes this long at 90 kB/s. */
const requestTimeoutMs = 300_000;
const headersTimeoutMs = 30_000;
/** How often Node looks for requests and headers that are late. */
const lookForLateMs = 5_000;
const defaultMaxConnections = 10_000;
/** Longer than load balancers keep a connection, so that they are the ones to close it. */
const keepAliveTimeoutMs = 75_000;

const traceIdPattern = /^[A-Za-z0-9_.:-]{8,128}$/;

/**
 * A Fastify server that answers everything, failures of the parser and unknown routes included, with the error
 * envelope and a trace id.
 */
export function createHttpServer(options: HttpOptions): FastifyInstance {
  const answering = new WeakMap<Socket, ServerResponse>();
  const presentation = options.presentation ?? tracePresentation;
  const server = Fastify({
    logger: false,
    bodyLimit: defaultBodyBytes,
    trustProxy: options.trustedProxies && options.trustedProxies.length > 0 ? [...options.trustedProxies] : false,
    requestTimeout: requestTimeoutMs,
    keepAliveTimeout: keepAliveTimeoutMs,
    routerOptions: { maxParamLength: maxHeaderBytes, ignoreTrailingSlash: false },
    http: {
      maxHeaderSize: maxHeaderBytes,
      headersTimeout: headersTimeoutMs,
      connectionsCheckingInterval: lookForLateMs,
      // Refused below, with a body.
      requireHostHeader: false,
    },
    return503OnClosing: false,
    forceCloseConnections: "idle",
    frameworkErrors(error, request, reply) {
      beginAnswer(presentation, request, reply);
      sendError({ log: options.log, presentation }, error, request, reply);
    },
    clientErrorHandler: (error, socket) => answerBrokenRequest(presentation, error, socket, answering.get(socket)),
  });
  server.server.on("request", (_request, response) => {
    if (response.socket !== null) answering.set(response.socket, response);
  });
  answerUnservedRequests(server.server, presentation);
  server.server.maxConnections = options.maxConnections ?? defaultMaxConnections;
  server.server.on("drop", () => options.onConnectionDropped?.());
  server.decorateRequest("traceId", "");
  server.addHook("onRequest", async (request, reply) => {
    beginAnswer(presentation, request, reply);
    requireHost(request);
  });
  addCors(server, options.corsOrigins ?? [], options.serversOnly);
  if (options.overload !== undefined) shedOverload(server, { ...options.overload, log: options.log, presentation });
  parseJsonStrictly(server);
  server.setErrorHandler((error: FastifyError, request, reply) => sendError({ log: options.log, presentation }, error, request, reply));
  return server;
}

function beginAnswer({ idHeader, newId }: Presentation, request: FastifyRequest, reply: FastifyReply): void {
  const sent = request.headers[idHeader];
  request.traceId = typeof sent === "string" && traceIdPattern.test(sent) ? sent : newId();
  reply.header(idHeader, request.traceId);
  reply.header("x-content-type-options", "nosniff");
  reply.header("cache-control", "no-store");
}

/** HTTP/1.1 demands it; without it a proxy and this server may disagree about whom a request is for. */
function requireHost({ raw, headers }: FastifyRequest): void {
  if (raw.httpVersion === "1.1" && headers.host === undefined) throw invalidRequest([{ fieldName: "Host", message: "header is missing" }]);
}

/** Faults of ours are logged as errors, what a dependency or overload causes as warnings, what a caller causes for debugging only. */
function sendError(
  { log, presentation }: { log: Logger; presentation: Presentation },
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const appError = toAppError(error);
  const { traceId, method } = request;
  const { status, body, headers } = presentationOf(request, presentation).failure(appError, traceId, originOf(request));
  const fields = { traceId, method, route: request.routeOptions.url, code: appError.code };
  if (appError.code === "INTERNAL") log.error({ ...fields, err: appError.cause ?? appError }, appError.message);
  else if (appError.status >= 500) log.warn({ ...fields, err: appError.cause ?? appError }, appError.message);
  else log.debug(fields, appError.message);
  // Fastify closes the connection of a body that it gives up on, and the reset overtakes the answer. Let the rest come and drop it.
  reply.removeHeader("connection");
  request.raw.resume();
  return reply
    .code(status)
    .headers({ ...appError.headers, ...headers, [presentation.idHeader]: traceId })
    .type("application/json; charset=utf-8")
    .send(JSON.stringify(body));
}
