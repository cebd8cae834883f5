/** JSON over HTTP on a unix socket, for peers on this machine: the driver on one side, cells on the other. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Logger } from "@whs/platform/log";
import { listenOn } from "@whs/platform/sandbox";
import { ProviderError } from "@whs/runtimes";

export interface JsonRequest {
  method: string;
  /** Decoded parts of the path, without the leading empty one. */
  path: readonly string[];
  query: URLSearchParams;
  /** Parsed body; undefined when there was none. */
  body(): Promise<unknown>;
  /** Aborts when whoever asks goes away before it has the answer. */
  readonly signal: AbortSignal;
}
/** Undefined: 204. */
export type JsonHandler = (request: JsonRequest) => Promise<unknown>;

export interface JsonServerOptions {
  socketPath: string;
  maxBodyBytes: number;
  /** The user that may connect; null: ours. */
  uid: number | null;
  handler: JsonHandler;
  logger: Logger;
}

export async function listenJson(options: JsonServerOptions): Promise<Server> {
  const server = createServer((request, response) => void answer(options, request, response));
  server.keepAliveTimeout = 0;
  server.requestTimeout = 0;
  server.headersTimeout = 0;
  return listenOn(server, options.socketPath, options.uid);
}

async function answer(options: JsonServerOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    const url = new URL(request.url ?? "/", "http://local");
    const path = url.pathname.slice(1).split("/").map(decodeURIComponent);
    const result = await options.handler({
      method: request.method ?? "",
      path,
      query: url.searchParams,
      body: () => readJson(request, options.maxBodyBytes),
      get signal() {
        return abortedWhenLeft(response);
      },
    });
    if (result === undefined) response.writeHead(204).end();
    else send(response, 200, result);
  } catch (error) {
    const known = error instanceof ProviderError ? error : new ProviderError("transient", "The data plane failed.", { cause: error });
    if (known !== error) options.logger.error({ err: error, method: request.method, url: request.url }, "Cannot answer a request");
    send(response, STATUS[known.kind] ?? 500, { kind: known.kind, message: known.message, retryable: known.retryable });
  }
}

function abortedWhenLeft(response: ServerResponse): AbortSignal {
  const left = new AbortController();
  if (response.destroyed) left.abort();
  else response.once("close", () => (response.writableFinished ? undefined : left.abort()));
  return left.signal;
}

const STATUS: Readonly<Record<string, number>> = {
  auth: 403,
  not_found: 404,
  invalid: 422,
  session: 409,
  capacity: 503,
  transient: 503,
  runtime: 500,
  timeout: 504,
};

function send(response: ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body);
  response.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(text) }).end(text);
}

async function readJson(request: IncomingMessage, maxBytes: number): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) throw new ProviderError("invalid", `The request is larger than ${maxBytes} bytes.`, { reached: false });
    chunks.push(chunk);
  }
  if (size === 0) return undefined;
  try {
    return JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new ProviderError("invalid", "The request is not JSON.", { reached: false, cause: error });
  }
}
