import { lookup } from "node:dns";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { LookupFunction } from "node:net";
import { pipeline } from "node:stream/promises";
import { allowedDestination, BoundedBody, type EgressPolicy, EgressRefusal } from "@whs/platform/egress";
import type { Logger } from "@whs/platform/log";
import { listenOn } from "@whs/platform/sandbox";
import { Agent, type Dispatcher } from "undici";
import type { DeploymentRegistry } from "../deployments/registry.ts";

/** Request was refused or failed; the dispatcher makes an error of it, as for any request without an answer. */
const ERROR_HEADER = "x-whs-egress-error";
const URL_HEADER = "x-whs-egress-url";
const DEPLOYMENT_HEADER = "x-whs-egress-deployment";

/** Model calls answer late and stream long. */
const HEADERS_TIMEOUT_MS = 300_000;
const BODY_TIMEOUT_MS = 300_000;
const CONNECT_TIMEOUT_MS = 10_000;
const MAX_REQUEST_BYTES = 64 * 1024 * 1024;
const MAX_RESPONSE_BYTES = 256 * 1024 * 1024;
/** Requests of one tenant at once; and how many of them when the tenants of this node together have half of what it can carry. */
const MAX_CONCURRENT = 256;
const FAIR_SHARE = 16;
/** Requests of all tenants at once: each takes two of this process's files, of which it may have but so many. */
const MAX_TOTAL = 4096;
/** Connections of one cell, whose dispatcher makes far fewer; one beyond is closed at once. */
const MAX_CONNECTIONS = 2 * MAX_CONCURRENT;
/** Belong to one connection, not to the request; Node writes its own. */
const HOP_HEADERS = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "proxy-authenticate",
  "proxy-authorization",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "expect",
  "host",
]);

interface TenantAgents {
  /** To public addresses. */
  outside: Agent;
  /** To what the operator opened. */
  opened: Agent;
}

/**
 * The only way out of cells. It resolves names itself and connects to the very address that it has checked,
 * follows no redirect, and knows from the socket whose request it is.
 */
export class EgressProxy {
  private readonly policy: EgressPolicy;
  private readonly registry: DeploymentRegistry;
  private readonly logger: Logger;
  private readonly total: number;
  private running = 0;

  /** `maxFiles`: how many files this process may have open. */
  constructor(policy: EgressPolicy, registry: DeploymentRegistry, maxFiles: number, logger: Logger) {
    this.policy = policy;
    this.registry = registry;
    this.logger = logger;
    this.total = Math.min(MAX_TOTAL, Math.floor(maxFiles / 4));
  }

  /** Each tenant has connections of its own, so that nobody waits behind another, or reads what another has provoked. */
  async listen(userId: string, socketPath: string, uid: number | null): Promise<Server> {
    const agents: TenantAgents = { outside: createAgent(this.policy.lookupPublic), opened: createAgent(lookup) };
    let running = 0;
    const server = createServer((request, response) => {
      if (running >= this.shareOfOne()) return refuse(response, "Too many requests of this tenant are running.");
      running += 1;
      this.running += 1;
      response.once("close", () => {
        running -= 1;
        this.running -= 1;
      });
      void this.answer(userId, agents, request, response);
    });
    server.requestTimeout = 0;
    server.keepAliveTimeout = 0;
    server.maxConnections = MAX_CONNECTIONS;
    server.once("close", () => void Promise.all([agents.outside.destroy(), agents.opened.destroy()]));
    return listenOn(server, socketPath, uid);
  }

  private shareOfOne(): number {
    if (this.running >= this.total) return 0;
    return this.running < this.total / 2 ? MAX_CONCURRENT : FAIR_SHARE;
  }

  private async answer(userId: string, agents: TenantAgents, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const gone = new AbortController();
    response.once("close", () => gone.abort());
    try {
      const { url, open } = this.check(userId, request);
      const agent = open ? agents.opened : agents.outside;
      const upstream = await agent.request({
        origin: url.origin,
        path: url.pathname + url.search,
        method: request.method ?? "GET",
        headers: forwardedHeaders(request.rawHeaders, url.host),
        body: hasBody(request) ? request.pipe(new BoundedBody(MAX_REQUEST_BYTES)) : null,
        signal: gone.signal,
      });
      response.writeHead(upstream.statusCode, responseHeaders(upstream.headers));
      await pipeline(upstream.body, new BoundedBody(MAX_RESPONSE_BYTES), response);
    } catch (error) {
      if (gone.signal.aborted) return;
      if (response.headersSent) response.destroy();
      else refuse(response, this.publicReason(error));
    }
  }

  /** @throws EgressRefusal */
  private check(userId: string, request: IncomingMessage): { url: URL; open: boolean } {
    const deployment = this.registry.get(String(request.headers[DEPLOYMENT_HEADER]));
    if (deployment === undefined || deployment.userId !== userId) throw new EgressRefusal("the deployment is gone");
    const url = new URL(String(request.headers[URL_HEADER]));
    if (url.protocol !== "http:" && url.protocol !== "https:")
      throw new EgressRefusal(`${url.protocol} is not supported, only http: and https:`);
    const port = Number(url.port === "" ? (url.protocol === "https:" ? 443 : 80) : url.port);
    const destination = allowedDestination(this.policy, deployment.agentId, { host: url.hostname, port });
    return { url, open: destination.lookup !== this.policy.lookupPublic };
  }

  private publicReason(error: unknown): string {
    if (error instanceof EgressRefusal) return `The request was refused: ${error.message}.`;
    this.logger.debug({ err: error }, "An agent's request failed");
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown";
    return `The request failed: ${code}.`;
  }
}

function createAgent(find: LookupFunction): Agent {
  return new Agent({
    connect: { lookup: find, timeout: CONNECT_TIMEOUT_MS },
    connections: 64,
    headersTimeout: HEADERS_TIMEOUT_MS,
    bodyTimeout: BODY_TIMEOUT_MS,
    keepAliveTimeout: 10_000,
  });
}

function refuse(response: ServerResponse, reason: string): void {
  response.writeHead(502, { [ERROR_HEADER]: encodeURIComponent(reason) }).end();
}

function hasBody(request: IncomingMessage): boolean {
  return request.headers["content-length"] !== undefined || request.headers["transfer-encoding"] !== undefined;
}

function forwardedHeaders(raw: readonly string[], host: string): string[] {
  const headers = ["host", host];
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i]?.toLowerCase() ?? "";
    if (!HOP_HEADERS.has(name) && !name.startsWith("x-whs-egress-")) headers.push(name, raw[i + 1] ?? "");
  }
  return headers;
}

function responseHeaders(headers: Dispatcher.ResponseData["headers"]): Record<string, string | string[]> {
  const kept: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(headers))
    if (value !== undefined && !HOP_HEADERS.has(name) && name !== ERROR_HEADER) kept[name] = value;
  return kept;
}
