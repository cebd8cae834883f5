import type { Duplex } from "node:stream";
import { z } from "zod";
import { AwsError, invalid } from "../../http/aws-error.ts";
import type { AwsReply, AwsRequest, AwsRoute, UpgradeRoute } from "../../http/routes.ts";
import { time } from "../../runtimes/present.ts";
import { parseBody } from "../../runtimes/schemas.ts";
import { listSchema, startFields } from "../schemas.ts";
import type { ToolSession, ToolSessions } from "../tool-sessions.ts";
import { debuggerPath, type ViewPort } from "./browser.ts";

const DEFAULT_TIMEOUT_SECONDS = 3600;
export const DEFAULT_VIEWPORT: ViewPort = { width: 1280, height: 800 };
/** WebSocket headers that the two ends settle between them. */
const HANDSHAKE = ["sec-websocket-key", "sec-websocket-version", "sec-websocket-extensions", "sec-websocket-protocol"];

const absent = (what: string) => z.undefined(`${what} is not available in the local service`).optional();
const startSchema = z.object({
  ...startFields(DEFAULT_TIMEOUT_SECONDS),
  viewPort: z.object({ width: z.int().min(800).max(1920), height: z.int().min(600).max(1080) }).default(DEFAULT_VIEWPORT),
  extensions: absent("extensions"),
  profileConfiguration: absent("profileConfiguration"),
  proxyConfiguration: absent("proxyConfiguration"),
  enterprisePolicies: absent("enterprisePolicies"),
  certificates: absent("certificates"),
  filesystemConfigurations: absent("filesystemConfigurations"),
});
const streamSchema = z.object({
  streamUpdate: z.object({ automationStreamUpdate: z.object({ streamStatus: z.enum(["ENABLED", "DISABLED"]) }) }),
});

export class BrowserApi {
  private readonly sessions: ToolSessions;
  private readonly origin: () => string;
  /** Open automation connections by session. */
  private readonly connections = new Map<string, Set<Duplex>>();

  /** `origin`: the service's own, for the addresses of streams. */
  constructor(sessions: ToolSessions, origin: () => string) {
    this.sessions = sessions;
    this.origin = origin;
  }

  routes(): AwsRoute[] {
    const base = "/browsers/{id}/sessions";
    return [
      { method: "PUT", path: `${base}/start`, handler: (request) => this.start(request) },
      {
        method: "GET",
        path: `${base}/get`,
        handler: async ({ parameters: [id = ""], query }) => ok(this.present(this.sessions.get(id, idOf(query)))),
      },
      { method: "PUT", path: `${base}/stop`, handler: (request) => this.stop(request) },
      { method: "POST", path: `${base}/list`, handler: async (request) => this.list(request) },
      { method: "PUT", path: `${base}/streams/update`, handler: async (request) => this.updateStream(request) },
    ];
  }

  upgrades(): UpgradeRoute[] {
    return [
      {
        path: "/browser-streams/{id}/sessions/{session}/automation",
        handler: (request, socket, head) => this.automate(request, socket, head),
      },
    ];
  }

  private async start({ parameters: [id = ""], body }: AwsRequest): Promise<AwsReply> {
    const { name, sessionTimeoutSeconds, clientToken, viewPort } = parseBody(startSchema, body);
    const detail = { viewPort, streamStatus: "ENABLED" };
    const session = await this.sessions.start(id, { name, timeoutSeconds: sessionTimeoutSeconds, clientToken, detail });
    const { id: sessionId, createdAtMs } = session;
    return ok({ browserIdentifier: id, sessionId, createdAt: time(createdAtMs), streams: this.streams(session) });
  }

  private async stop({ parameters: [id = ""], query }: AwsRequest): Promise<AwsReply> {
    const { id: sessionId, updatedAtMs } = await this.sessions.stop(id, idOf(query));
    return ok({ browserIdentifier: id, sessionId, lastUpdatedAt: time(updatedAtMs) });
  }

  private list({ parameters: [id = ""], body }: AwsRequest): AwsReply {
    const { status, nextToken, maxResults } = parseBody(listSchema, body);
    const { sessions, next } = this.sessions.list(id, status, nextToken, maxResults);
    const items = sessions.map((session) => ({
      browserIdentifier: id,
      sessionId: session.id,
      status: session.status,
      createdAt: time(session.createdAtMs),
      name: session.name,
      lastUpdatedAt: time(session.updatedAtMs),
    }));
    return ok({ items, nextToken: next });
  }

  /** A stream that is switched off lets nobody in and everybody out, for a person to take over. */
  private updateStream({ parameters: [id = ""], query, body }: AwsRequest): AwsReply {
    const { streamStatus } = parseBody(streamSchema, body).streamUpdate.automationStreamUpdate;
    const session = this.sessions.change(this.sessions.get(id, idOf(query)), { streamStatus });
    if (streamStatus === "DISABLED") for (const socket of this.connections.get(session.id) ?? []) socket.destroy();
    return ok({ browserIdentifier: id, sessionId: session.id, streams: this.streams(session), updatedAt: time(session.updatedAtMs) });
  }

  /** Hands the connection to Chromium, which speaks its DevTools protocol on it. */
  private async automate({ parameters: [id = "", sessionId = ""], message }: AwsRequest, socket: Duplex, head: Buffer): Promise<void> {
    const session = this.sessions.get(id, sessionId);
    const sandbox = await this.sessions.sandbox(id, sessionId);
    if (session.detail?.streamStatus !== "ENABLED") throw new AwsError("AccessDeniedException", "The automation stream is switched off.");
    const path = await debuggerPath(sandbox);
    const upstream = sandbox.connect();
    const open = this.connections.get(sessionId) ?? new Set<Duplex>();
    this.connections.set(sessionId, open.add(socket));
    const end = (): void => {
      open.delete(socket);
      if (open.size === 0) this.connections.delete(sessionId);
      socket.destroy();
      upstream.destroy();
    };
    for (const one of [socket, upstream]) one.on("error", end).on("close", end);
    const headers = HANDSHAKE.flatMap((name) => (typeof message.headers[name] === "string" ? [`${name}: ${message.headers[name]}`] : []));
    upstream.write(
      `${[`GET ${path} HTTP/1.1`, "host: localhost", "connection: Upgrade", "upgrade: websocket", ...headers].join("\r\n")}\r\n\r\n`,
    );
    if (head.length > 0) upstream.write(head);
    socket.pipe(upstream);
    upstream.pipe(socket);
  }

  private present(session: ToolSession) {
    const { id, identifier, name, timeoutSeconds, status, createdAtMs, updatedAtMs } = session;
    return {
      browserIdentifier: identifier,
      sessionId: id,
      createdAt: time(createdAtMs),
      lastUpdatedAt: time(updatedAtMs),
      name,
      viewPort: session.detail?.viewPort,
      sessionTimeoutSeconds: timeoutSeconds,
      status,
      streams: this.streams(session),
    };
  }

  private streams({ id, identifier, detail }: ToolSession) {
    const streamEndpoint = `${this.origin().replace(/^http/, "ws")}/browser-streams/${identifier}/sessions/${id}/automation`;
    return { automationStream: { streamEndpoint, streamStatus: detail?.streamStatus } };
  }
}

function ok(body: unknown): AwsReply {
  return { status: 200, body };
}

function idOf(query: URLSearchParams): string {
  const id = query.get("sessionId");
  if (id === null || id === "") throw invalid("sessionId", "is missing");
  return id;
}
