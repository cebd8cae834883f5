/** A server with given endpoints on a loopback port, and a plain client that sends exactly what a test says. */
import type { Endpoint } from "@whs/api";
import { createLogger } from "@whs/platform/log";
import { connect, type AddressInfo } from "node:net";
import { onTestFinished } from "vitest";
import {
  answerUnknownRoutes,
  type Bind,
  type Presentation,
  createBinder,
  createHttpServer,
  type BindingOptions,
  type HttpOptions,
} from "./index.ts";

export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  /** Parsed JSON. */
  body: Record<string, unknown> & { error: { code: string; message: string; details: Record<string, unknown>; retryable: boolean } };
}

export interface TestServer {
  url: string;
  port: number;
  /** Lines of the log at its finest level. */
  logLines: Record<string, unknown>[];
  send(method: string, path: string, options?: SendOptions): Promise<Answer>;
  /** Writes raw bytes, reads until the server closes the connection or `enough` says so. */
  raw(bytes: string | Uint8Array, enough?: (received: string) => boolean): Promise<string>;
}

export interface SendOptions {
  body?: NonNullable<RequestInit["body"]>;
  json?: unknown;
  headers?: Record<string, string>;
}

interface Options<C> extends Omit<HttpOptions, "log">, Partial<Omit<BindingOptions<C>, "log">> {
  endpoints: readonly Endpoint[];
  /** `bindAs` binds endpoints with a presentation of their own. */
  bind: (bind: Bind<C>, bindAs: (presentation: Presentation) => Bind<C>) => void;
}

/** Whoever calls is let in, with an undefined context, unless `authenticate` says otherwise. */
export async function startTestServer<C = undefined>({
  endpoints,
  bind,
  authenticate,
  idempotency,
  ...http
}: Options<C>): Promise<TestServer> {
  const logLines: Record<string, unknown>[] = [];
  const destination = { write: (line: string) => logLines.push(JSON.parse(line) as Record<string, unknown>) };
  const log = createLogger({ name: "test", level: "trace", destination });
  const server = createHttpServer({ ...http, log });
  const noKeys = { run: () => Promise.reject(new Error("This test has no idempotency")) };
  const binding = { log, authenticate: authenticate ?? (async () => undefined as C), idempotency: idempotency ?? noKeys };
  bind(createBinder(server, binding), (presentation) => createBinder(server, { ...binding, presentation }));
  answerUnknownRoutes(server, endpoints);
  await server.listen({ host: "127.0.0.1", port: 0 });
  onTestFinished(async () => {
    server.server.closeAllConnections();
    await server.close();
  });
  const { port } = server.server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  return {
    url,
    port,
    logLines,
    send: (method, path, options) => send(url + path, method, options),
    raw: (bytes, enough) => raw(port, bytes, enough),
  };
}

async function send(url: string, method: string, { body, json, headers = {} }: SendOptions = {}): Promise<Answer> {
  const init: RequestInit & { duplex?: "half" } = { method, headers };
  if (json !== undefined) {
    init.body = JSON.stringify(json);
    init.headers = { "content-type": "application/json", ...headers };
  } else if (body !== undefined) {
    init.body = body;
    init.duplex = "half";
  }
  const response = await fetch(url, init);
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    text,
    body: (text.startsWith("{") ? JSON.parse(text) : {}) as Answer["body"],
  };
}

async function raw(port: number, bytes: string | Uint8Array, enough: (received: string) => boolean = () => false): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  let received = "";
  const closed = new Promise((resolve) => socket.on("close", resolve));
  socket.on("data", (chunk: Buffer) => {
    received += chunk.toString("latin1");
    if (enough(received)) socket.destroy();
  });
  socket.on("error", (error) => (received += `<${error.message}>`));
  socket.write(bytes);
  await closed;
  return received;
}
