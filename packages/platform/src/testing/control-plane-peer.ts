/** A control plane for tests: receives telemetry and logs over HTTP, verifies every signature, and keeps what it got. */
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { deriveTelemetryKey, verifySignature } from "../signatures/index.ts";

const WAIT_MS = 60_000;

/** `Event` and `Line` are what the sender says they are: only ids and signatures are looked at here. */
export class ControlPlanePeer<Event extends { eventId: string; deploymentId: string }, Line> {
  readonly events = new Map<string, Event>();
  readonly lines: Line[] = [];
  /** Event ids of every delivery, repeated ones too. */
  readonly deliveries: string[] = [];
  readonly badSignatures: string[] = [];
  /** Everything that came over the wire. */
  wire = "";
  /** Who answers the calls of agents by agents, by the token of the invocation that calls. `left` aborts when the caller leaves. */
  readonly agentCalls = new Map<string, (call: unknown, left: AbortSignal) => Promise<{ status: number; body: unknown }>>();
  /** While set, every request is answered with this status. */
  outage: number | null = null;
  private readonly keys: { telemetryRoot: Buffer; dataPlane: Buffer };
  private server: Server | null = null;
  private watchers: (() => void)[] = [];

  constructor(keys: { telemetryRoot: Buffer; dataPlane: Buffer }) {
    this.keys = keys;
  }

  get url(): string {
    const address = this.server?.address() as AddressInfo | undefined;
    if (address === undefined) throw new Error("The control plane does not listen yet.");
    return `http://127.0.0.1:${address.port}`;
  }

  async listen(port = 0): Promise<void> {
    const server = createServer((request, response) => {
      const left = new AbortController();
      response.once("close", () => (response.writableFinished ? undefined : left.abort()));
      void this.answer(request, left.signal).then(({ status, body }) =>
        response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body)),
      );
    });
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
    this.server = server;
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.server?.close(() => resolve());
      this.server?.closeAllConnections();
    });
  }

  event(eventId: string): Promise<Event> {
    return this.until(`event ${eventId}`, () => this.events.get(eventId));
  }

  line(matches: (line: Line) => boolean): Promise<Line> {
    return this.until("a log line", () => this.lines.find(matches));
  }

  async until<T>(what: string, look: () => T | undefined): Promise<T> {
    const untilMs = Date.now() + WAIT_MS;
    for (let found = look(); ; found = look()) {
      if (found !== undefined) return found;
      const leftMs = untilMs - Date.now();
      if (leftMs <= 0) throw new Error(`There was no ${what} within ${WAIT_MS} ms.`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.watchers.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  private async answer(request: IncomingMessage, left: AbortSignal): Promise<{ status: number; body: unknown }> {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    this.wire += body.toString("utf8");
    if (request.url === "/v1/internal/agent-calls") return this.takeCall(request, body, left);
    const answer = this.take(request, body);
    for (const wake of this.watchers.splice(0)) wake();
    return answer;
  }

  private async takeCall(request: IncomingMessage, body: Buffer, left: AbortSignal): Promise<{ status: number; body: unknown }> {
    const answer = this.agentCalls.get(String(request.headers["x-whs-call-token"]));
    if (this.outage !== null || answer === undefined) return { status: this.outage ?? 401, body: {} };
    return answer(JSON.parse(body.toString("utf8")), left);
  }

  private take(request: IncomingMessage, body: Buffer): { status: number; body: unknown } {
    if (this.outage !== null) return { status: this.outage, body: {} };
    return request.url === "/v1/telemetry/batch" ? this.takeTelemetry(body) : this.takeLogs(request, body);
  }

  private takeTelemetry(body: Buffer): { status: number; body: unknown } {
    const answer = { accepted: 0, duplicates: 0, rejected: [] as { line: number; code: string }[] };
    for (const [index, text] of body.toString("utf8").split("\n").entries()) {
      const { deploymentId, signature, event } = JSON.parse(text) as { deploymentId: string; signature: string; event: string };
      const verified = [1, 2].some((version) => {
        const key = deriveTelemetryKey(this.keys.telemetryRoot, deploymentId, version);
        return verifySignature({ header: signature, keys: [key], rawBody: Buffer.from(event), now: Date.now() }).ok;
      });
      const parsed = JSON.parse(event) as Event;
      if (!verified || parsed.deploymentId !== deploymentId) {
        this.badSignatures.push(text);
        answer.rejected.push({ line: index + 1, code: "UNAUTHENTICATED" });
        continue;
      }
      this.deliveries.push(parsed.eventId);
      if (this.events.has(parsed.eventId)) answer.duplicates += 1;
      else answer.accepted += 1;
      this.events.set(parsed.eventId, parsed);
    }
    return { status: 202, body: answer };
  }

  private takeLogs(request: IncomingMessage, body: Buffer): { status: number; body: unknown } {
    const source = String(request.headers["x-whs-delegation-source"]);
    const verified = verifySignature({
      header: String(request.headers["x-whs-delegation-signature"]),
      keys: [this.keys.dataPlane],
      rawBody: body,
      v2: { timestamp: String(request.headers["x-whs-delegation-timestamp"]), source, method: "POST", path: "/v1/internal/logs" },
      requireV2: true,
      now: Date.now(),
    });
    if (!verified.ok || request.url !== "/v1/internal/logs" || source !== "supervisor") {
      this.badSignatures.push(String(request.url));
      return { status: 401, body: {} };
    }
    for (const text of body.toString("utf8").split("\n")) this.lines.push(JSON.parse(text) as Line);
    return { status: 200, body: { accepted: 1 } };
  }
}
