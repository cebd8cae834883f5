import type { Endpoint } from "@whs/api";
import { AppError, internal, invalidRequest, notFound } from "@whs/platform/errors";
import { newId } from "@whs/platform/ids";
import type { Logger } from "@whs/platform/log";
import Fastify, { type ConnectionError, type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import type { Socket } from "node:net";

export interface HttpOptions {
  log: Logger;
  /** Addresses whose `X-Forwarded-For` is believed. */
  trustedProxies?: readonly string[];
  /** Origins that browsers may call from; none by default. */
  corsOrigins?: readonly string[];
}

declare module "fastify" {
  interface FastifyRequest {
    traceId: string;
  }
}

/** JSON bodies without a limit of their own. */
export const defaultBodyBytes = 256 * 1024;

const traceIdPattern = /^[A-Za-z0-9_.:-]{8,128}$/;

/**
 * A Fastify server that answers everything, failures of the parser and unknown routes included, with the error
 * envelope and a trace id.
 */
export function createHttpServer(options: HttpOptions): FastifyInstance {
  const server = Fastify({
    logger: false,
    bodyLimit: defaultBodyBytes,
    trustProxy: options.trustedProxies && options.trustedProxies.length > 0 ? [...options.trustedProxies] : false,
    requestTimeout: 120_000,
    keepAliveTimeout: 75_000,
    routerOptions: { maxParamLength: 512, ignoreTrailingSlash: false },
    return503OnClosing: false,
    forceCloseConnections: "idle",
    frameworkErrors: (error, request, reply) => sendError(options.log, error, request, reply),
    clientErrorHandler: answerBrokenRequest,
  });
  server.server.headersTimeout = 30_000;
  server.decorateRequest("traceId", "");
  server.addHook("onRequest", async (request, reply) => {
    const sent = request.headers["x-trace-id"];
    request.traceId = typeof sent === "string" && traceIdPattern.test(sent) ? sent : newId("trc");
    reply.header("x-trace-id", request.traceId);
    reply.header("x-content-type-options", "nosniff");
    reply.header("cache-control", "no-store");
  });
  addCors(server, options.corsOrigins ?? []);
  parseBodiesStrictly(server);
  server.setErrorHandler((error: FastifyError, request, reply) => sendError(options.log, error, request, reply));
  return server;
}

/** Answers unknown paths with 404 and known ones with 405 and `Allow`. Call after all routes are bound. */
export function answerUnknownRoutes(server: FastifyInstance, endpoints: readonly Pick<Endpoint, "method" | "path">[]): void {
  const methodsByPath = new Map<string, Set<string>>();
  for (const { method, path } of endpoints) methodsByPath.set(path, (methodsByPath.get(path) ?? new Set()).add(method));
  const known = [...methodsByPath].map(([path, methods]) => ({
    pattern: new RegExp(`^${path.replaceAll(/[.*+?^$()|[\]\\]/g, "\\$&").replaceAll(/\{\w+\}/g, "[^/]+")}$`),
    methods: [...methods].sort(),
  }));
  server.setNotFoundHandler((request) => {
    const path = request.url.split("?", 1)[0] ?? "";
    const match = known.find(({ pattern }) => pattern.test(path));
    if (match === undefined) throw notFound("Route");
    throw new AppError("INVALID_REQUEST", `${request.method} is not possible here; use ${match.methods.join(" or ")}.`, {
      status: 405,
      headers: { allow: match.methods.join(", ") },
    });
  });
}

function parseBodiesStrictly(server: FastifyInstance): void {
  server.removeAllContentTypeParsers();
  server.addContentTypeParser("application/json", { parseAs: "buffer" }, (_request, body, done) => {
    const text = decodeUtf8(body as Buffer);
    if (text === undefined) return done(invalidRequest([{ fieldName: "", message: "body is not UTF-8" }]));
    if (text === "") return done(null, undefined);
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (cause) {
      return done(invalidRequest([{ fieldName: "", message: "body is not valid JSON" }], { cause }));
    }
    done(null, value);
  });
}

const utf8 = new TextDecoder("utf-8", { fatal: true });
function decodeUtf8(body: Buffer): string | undefined {
  try {
    return utf8.decode(body);
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

function sendError(log: Logger, error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const appError = toAppError(error);
  const traceId = request.traceId || newId("trc");
  if (appError.status >= 500)
    log.error(
      { traceId, method: request.method, route: request.routeOptions?.url, code: appError.code, err: appError.cause ?? appError },
      appError.message,
    );
  else log.debug({ traceId, method: request.method, route: request.routeOptions?.url, code: appError.code }, appError.message);
  return reply
    .code(appError.status)
    .headers({ ...appError.headers, "x-trace-id": traceId })
    .type("application/json; charset=utf-8")
    .send(JSON.stringify(appError.body(traceId)));
}

export function toAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  const code = typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
  switch (code) {
    case "FST_ERR_CTP_BODY_TOO_LARGE":
      return new AppError("INVALID_REQUEST", "The body is larger than this endpoint takes.", {
        status: 413,
        details: { fields: [{ fieldName: "", message: "body is too large" }] },
      });
    case "FST_ERR_CTP_INVALID_MEDIA_TYPE":
    case "FST_ERR_CTP_INVALID_CONTENT_LENGTH":
      return invalidRequest([{ fieldName: "content-type", message: "is not one that this endpoint takes" }]);
    case "FST_ERR_BAD_URL":
    case "FST_ERR_ROUTE_MISSING_HANDLER":
    case "FST_ERR_MAX_PARAM_LENGTH":
      return notFound("Route");
    case "FST_ERR_ASYNC_CONSTRAINT":
      return internal(error);
    default:
      return internal(error);
  }
}

/** Answers what Node's HTTP parser refuses before a request exists: broken syntax, headers too large, too slow. */
function answerBrokenRequest(error: ConnectionError, socket: Socket): void {
  if (error.code === "ECONNRESET" || !socket.writable) {
    socket.destroy();
    return;
  }
  const status =
    error.code === "HPE_HEADER_OVERFLOW"
      ? "431 Request Header Fields Too Large"
      : error.code === "ERR_HTTP_REQUEST_TIMEOUT"
        ? "408 Request Timeout"
        : "400 Bad Request";
  const body = JSON.stringify(
    new AppError("INVALID_REQUEST", "The request is not valid HTTP, or its headers are too large.").body(newId("trc")),
  );
  socket.end(
    `HTTP/1.1 ${status}\r\ncontent-type: application/json; charset=utf-8\r\nconnection: close\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

function addCors(server: FastifyInstance, origins: readonly string[]): void {
  if (origins.length === 0) return;
  server.addHook("onRequest", async (request, reply) => {
    const { origin } = request.headers;
    if (origin === undefined || !origins.includes(origin)) return;
    reply
      .header("access-control-allow-origin", origin)
      .header("vary", "Origin")
      .header("access-control-expose-headers", "X-Trace-Id, Idempotency-Replayed, Retry-After");
    if (request.method === "OPTIONS" && request.headers["access-control-request-method"] !== undefined) {
      reply
        .header("access-control-allow-methods", "GET, POST, PATCH, DELETE")
        .header("access-control-allow-headers", "Authorization, Content-Type, Idempotency-Key, X-Trace-Id, Last-Event-ID, Content-Digest")
        .header("access-control-max-age", "600");
      await reply.code(204).send();
    }
  });
}
