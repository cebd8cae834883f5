/** The way out of sandboxes: an HTTP proxy on a socket of each, by the policy that all agents' requests are under. */
import { createServer, type IncomingMessage, request as httpRequest, type Server, type ServerResponse } from "node:http";
import { connect } from "node:net";
import type { Duplex } from "node:stream";
import { pipeline } from "node:stream/promises";
import { allowedDestination, BoundedBody, type Destination, EgressRefusal, type EgressPolicy } from "@whs/platform/egress";
import type { Logger } from "@whs/platform/log";
import { listenOn } from "@whs/platform/sandbox";

/** Model calls answer late and stream long. */
const IDLE_MS = 300_000;
const CONNECT_MS = 10_000;
const MAX_CONNECTIONS = 256;
const MAX_REQUEST_BYTES = 64 * 1024 * 1024;
const MAX_RESPONSE_BYTES = 256 * 1024 * 1024;
const HOP_HEADERS = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "proxy-authorization",
  "proxy-authenticate",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "expect",
]);

export class EgressProxy {
  private readonly policy: EgressPolicy;
  private readonly logger: Logger;

  constructor(policy: EgressPolicy, logger: Logger) {
    this.policy = policy;
    this.logger = logger;
  }

  /** `agentId`: whose list of hosts applies. `place` is a unix socket's path, or 0 for a free port of loopback. */
  async listen(agentId: string, place: string | 0, uid: number | null): Promise<Server> {
    const server = createServer({ requestTimeout: 0 }, (request, response) => void this.forward(agentId, request, response));
    server.maxConnections = MAX_CONNECTIONS;
    server.on("connect", (request, socket, head) => this.tunnel(agentId, request, socket, head));
    if (place !== 0) return listenOn(server, place, uid);
    await new Promise<void>((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.1", resolve));
    return server;
  }

  /** Everything but http: a tunnel to the very address that was checked. */
  private tunnel(agentId: string, request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on("error", () => socket.destroy());
    try {
      const url = new URL(`http://${request.url ?? ""}`);
      const upstream = this.open(agentId, { host: url.hostname, port: Number(url.port || 80) });
      upstream.once("connect", () => {
        socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
        if (head.length > 0) upstream.write(head);
        upstream.setTimeout(IDLE_MS, () => upstream.destroy());
        socket.pipe(upstream);
        upstream.pipe(socket);
      });
      upstream.on("error", (error) => this.end(socket, error)).on("close", () => socket.destroy());
      socket.on("close", () => upstream.destroy());
    } catch (error) {
      this.end(socket, error);
    }
  }

  private open(agentId: string, wanted: { host: string; port: number }) {
    const { host, port, lookup } = allowedDestination(this.policy, agentId, wanted);
    const socket = connect({ host, port, lookup, noDelay: true, timeout: CONNECT_MS });
    socket.once("timeout", () => socket.destroy(new Error("The connection took too long.")));
    return socket;
  }

  private async forward(agentId: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const url = new URL(request.url ?? "");
      if (url.protocol !== "http:") throw new EgressRefusal(`${url.protocol} is not supported`);
      const destination = allowedDestination(this.policy, agentId, { host: url.hostname, port: Number(url.port || 80) });
      const upstream = await this.send(request, response, url, destination);
      response.writeHead(upstream.statusCode ?? 502, endToEnd(upstream.rawHeaders));
      await pipeline(upstream, new BoundedBody(MAX_RESPONSE_BYTES), response);
    } catch (error) {
      if (response.headersSent || response.destroyed) response.destroy();
      else response.writeHead(error instanceof EgressRefusal ? 403 : 502, { "content-type": "text/plain" }).end(this.reason(error));
    }
  }

  private send(
    request: IncomingMessage,
    response: ServerResponse,
    url: URL,
    { host, port, lookup }: Destination,
  ): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const headers = [...endToEnd(request.rawHeaders), "connection", "close"];
      const outgoing = httpRequest({
        host,
        port,
        lookup,
        method: request.method,
        path: url.pathname + url.search,
        headers,
        timeout: IDLE_MS,
        setHost: false,
      });
      outgoing.once("response", resolve).once("error", reject);
      outgoing.once("timeout", () => outgoing.destroy(new Error("The request took too long.")));
      response.once("close", () => outgoing.destroy());
      request.pipe(new BoundedBody(MAX_REQUEST_BYTES).on("error", reject)).pipe(outgoing);
    });
  }

  private end(socket: Duplex, error: unknown): void {
    const text = this.reason(error);
    const status = error instanceof EgressRefusal ? "403 Forbidden" : "502 Bad Gateway";
    if (socket.writable)
      socket.end(
        `HTTP/1.1 ${status}\r\ncontent-type: text/plain\r\ncontent-length: ${Buffer.byteLength(text)}\r\nconnection: close\r\n\r\n${text}`,
      );
  }

  private reason(error: unknown): string {
    if (error instanceof EgressRefusal) return `The request was refused: ${error.message}.\n`;
    this.logger.debug({ err: error }, "An agent's request failed");
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown";
    return `The request failed: ${code}.\n`;
  }
}

function endToEnd(raw: readonly string[]): string[] {
  const kept: string[] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) if (!HOP_HEADERS.has((raw[i] ?? "").toLowerCase())) kept.push(raw[i] ?? "", raw[i + 1] ?? "");
  return kept;
}
