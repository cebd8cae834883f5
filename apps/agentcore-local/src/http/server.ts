/** One origin for the AWS API, the image registry and what this service says of itself. */
import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { Logger } from "@whs/platform/log";
import { AwsError } from "./aws-error.ts";
import { BodyReader } from "./body.ts";
import { type AwsReply, type AwsRequest, type AwsRoute, RouteTable, type UpgradeRoute } from "./routes.ts";
import { type Credentials, verifySignature } from "./sigv4.ts";

export interface ServerOptions {
  credentials: Credentials;
  region: string;
  now: () => number;
  logger: Logger;
  /** By the service that a request must be signed for. */
  routes: Readonly<Record<string, readonly AwsRoute[]>>;
  upgrades: readonly UpgradeRoute[];
  /** What is not the AWS API; false: not this either. */
  others: (request: IncomingMessage, response: ServerResponse) => Promise<boolean>;
}

/** Of the control API's requests; 50 variables of 5,000 characters fit. */
const DEFAULT_BODY_BYTES = 4 * 1024 * 1024;
const HEADERS_TIMEOUT_MS = 30_000;
/** For a whole request; uploads of images come in parts. */
const REQUEST_TIMEOUT_MS = 15 * 60_000;
const UPGRADE_SERVICE = "bedrock-agentcore";

export function createApiServer(options: ServerOptions): Server {
  const bodies = new BodyReader();
  const routes = new RouteTable(
    Object.entries(options.routes).flatMap(([service, entries]) => entries.map((route) => ({ ...route, service }))),
  );
  const upgrades = new RouteTable(options.upgrades);
  const server = createServer(
    { headersTimeout: HEADERS_TIMEOUT_MS, requestTimeout: REQUEST_TIMEOUT_MS, keepAliveTimeout: 60_000 },
    (request, response) => {
      answer(request, response).catch((error: unknown) => fail(response, error));
    },
  );
  server.on("upgrade", (request, socket, head) => {
    upgrade(request, socket, head).catch((error: unknown) => failUpgrade(socket, error));
  });
  return server;

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.setHeader("x-amzn-requestid", randomUUID());
    if (await options.others(request, response)) return;
    const found = routes.find(request.method ?? "", pathOf(request));
    requireKey(request.headers.authorization, options.credentials);
    if (found === null) throw new AwsError("UnknownOperationException", "There is no such operation.");
    const { route, parameters } = found;
    await bodies.with(request, route.maxBodyBytes ?? DEFAULT_BODY_BYTES, async (body) => {
      await verify(request, body, [route.service]);
      const reply = await route.handler({ parameters, query: queryOf(request), body, message: request }, response);
      if (reply !== undefined) send(response, reply);
    });
  }

  async function upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    socket.on("error", (error) => options.logger.debug({ err: error }, "A WebSocket's connection broke"));
    const found = upgrades.find("GET", pathOf(request));
    if (found === null) throw new AwsError("UnknownOperationException", "There is no such operation.");
    const body = Buffer.alloc(0);
    await verify(request, body, [UPGRADE_SERVICE]);
    const awsRequest: AwsRequest = { parameters: found.parameters, query: queryOf(request), body, message: request };
    await found.route.handler(awsRequest, socket, head);
  }

  async function verify({ method, url, headers }: IncomingMessage, body: Buffer, services: readonly string[]): Promise<void> {
    const { credentials, region, now } = options;
    await verifySignature({ method: method ?? "", url: url ?? "/", headers, body }, { credentials, region, services, nowMs: now() });
  }

  function fail(response: ServerResponse, error: unknown): void {
    const known = toAwsError(error);
    if (known.status >= 500) options.logger.error({ err: error }, "Cannot answer a request");
    if (response.headersSent) response.destroy();
    else send(response, errorReply(known));
  }

  function failUpgrade(socket: Duplex, error: unknown): void {
    const known = toAwsError(error);
    if (known.status >= 500) options.logger.error({ err: error }, "Cannot open a WebSocket");
    const body = JSON.stringify(known.body);
    const head = [
      `HTTP/1.1 ${known.status} Refused`,
      `x-amzn-errortype: ${known.type}`,
      "content-type: application/json",
      "connection: close",
    ];
    socket.end(`${head.join("\r\n")}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
  }
}

/** Nobody who does not even know the key makes us read a body. @throws AwsError */
function requireKey(authorization: string | undefined, { accessKeyId }: Credentials): void {
  if (authorization === undefined) throw new AwsError("MissingAuthenticationTokenException", "The request is not signed.");
  if (!authorization.includes(`Credential=${accessKeyId}/`))
    throw new AwsError("UnrecognizedClientException", "The security token included in the request is invalid.");
}

function toAwsError(error: unknown): AwsError {
  return error instanceof AwsError ? error : new AwsError("InternalServerException", "The service failed.", { cause: error });
}

function errorReply(error: AwsError): AwsReply {
  const close: Record<string, string> = error.type === "RequestEntityTooLargeException" ? { connection: "close" } : {};
  return { status: error.status, body: error.body, headers: { "x-amzn-errortype": error.type, ...close } };
}

function send(response: ServerResponse, { status, body, headers }: AwsReply): void {
  if (body === undefined) {
    response.writeHead(status, headers).end();
    return;
  }
  const text = JSON.stringify(body);
  response.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(text), ...headers }).end(text);
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? "/").split("?", 1)[0] ?? "/";
}

function queryOf(request: IncomingMessage): URLSearchParams {
  const url = request.url ?? "";
  const mark = url.indexOf("?");
  return new URLSearchParams(mark < 0 ? "" : url.slice(mark + 1));
}
