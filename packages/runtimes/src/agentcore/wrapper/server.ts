/** The container's HTTP face, as AgentCore wants it: POST /invocations and GET /ping. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { LoadedAgent } from "@whs/agent/runtime";
import {
  type DoneEvent,
  type InspectAnswer,
  type InvocationAnswer,
  MAX_WIRE_BYTES,
  type WrapperFailure,
  type WrapperFigures,
} from "../protocol.ts";
import { type AgentSurroundings, type Ending, Invocations } from "./invocations.ts";
import type { LoadError } from "./agent-module.ts";
import { type Invocation, parseRequest, RequestError } from "./requests.ts";

export interface WrapperOptions extends Omit<AgentSurroundings, "agent"> {
  /** The agent, or why it could not be loaded. */
  loaded: Promise<LoadedAgent | LoadError>;
}

/** The largest is what came of a call: another agent's whole answer. */
const MAX_BODY_BYTES = MAX_WIRE_BYTES;
const HEARTBEAT_MS = 15_000;
/** A piece of text larger than this is sent in several events: the platform bounds how large one chunk may be. */
const MAX_PIECE = 1024 * 1024;

export interface Wrapper {
  server: Server;
  /** Takes no more, gives what runs `withinMs` to end, then stops it. */
  close(withinMs: number): Promise<void>;
}

export function createWrapper(options: WrapperOptions): Wrapper {
  const invocations = new Invocations();
  const server = createServer((request, response) => {
    answer(options, invocations, request, response).catch((error: unknown) => {
      options.log.add("error", `The wrapper failed: ${error instanceof Error ? error.message : String(error)}`);
      if (response.headersSent) response.destroy();
      else
        sendFailure(response, 500, { code: "RUNTIME_ERROR", message: "The agent's container failed.", retryable: true, reason: "agent" });
    });
  });
  return {
    server,
    async close(withinMs) {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      const untilMs = Date.now() + withinMs;
      while (invocations.count > 0 && Date.now() < untilMs) await new Promise((resolve) => setTimeout(resolve, 20));
      invocations.stopAll();
      setTimeout(() => server.closeAllConnections(), 500).unref();
      await closed;
    },
  };
}

async function answer(
  options: WrapperOptions,
  invocations: Invocations,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { pathname } = new URL(request.url ?? "/", "http://agent");
  if (request.method === "GET" && pathname === "/ping")
    return sendJson(response, 200, { status: invocations.isBusy ? "HealthyBusy" : "Healthy", time_of_last_update: invocations.changedAt });
  if (request.method !== "POST" || pathname !== "/invocations")
    return sendFailure(response, 404, refusal("There is nothing here but POST /invocations and GET /ping."));
  const body = await readBody(request);
  if (body === null) return sendFailure(response, 413, refusal(`The body is larger than ${MAX_BODY_BYTES} bytes.`));
  let parsed;
  try {
    parsed = parseRequest(body, asText(request.headers["x-trace-id"]));
  } catch (error) {
    if (error instanceof RequestError) return sendFailure(response, 400, refusal(error.message));
    throw error;
  }
  if (parsed.kind === "cancel") return sendJson(response, 200, { whs: { cancelled: invocations.cancel(parsed.eventId) } });
  if (parsed.kind === "tool") {
    const taken = invocations.settleTool(parsed.eventId, parsed.id, parsed.outcome);
    return sendJson(response, 200, { whs: { taken } });
  }
  if (parsed.kind === "forget") {
    options.sessions.forget(parsed.sessionId);
    return sendJson(response, 200, { whs: { forgotten: true } });
  }
  const loaded = await options.loaded;
  if (parsed.kind === "inspect") return sendJson(response, 200, inspected(loaded));
  if (loaded instanceof Error) return sendFailure(response, 500, { ...refusal(loaded.message), code: "RUNTIME_ERROR", reason: "agent" });
  const surroundings = { ...options, agent: loaded };
  const wantsEvents = asText(request.headers.accept)?.includes("text/event-stream") === true;
  await (wantsEvents
    ? stream(surroundings, invocations, parsed.invocation, response)
    : unary(surroundings, invocations, parsed.invocation, response));
}

function inspected(loaded: LoadedAgent | LoadError): InspectAnswer {
  return { whs: loaded instanceof Error ? { ok: false, message: loaded.message } : { ok: true, form: loaded.form, node: process.version } };
}

async function unary(surroundings: AgentSurroundings, invocations: Invocations, invocation: Invocation, response: ServerResponse) {
  let text = "";
  const startedAt = performance.now();
  const { running, ending } = invocations.start(surroundings, invocation, {
    stream: false,
    text(piece) {
      text += piece;
    },
  });
  response.on("close", () => running.stop("cancelled"));
  const ended = await ending;
  const isOurs = invocation.eventId !== null;
  const lines = [...surroundings.log.takeWaiting(), ...running.lines.take(true)];
  if (!ended.ok) {
    // The platform keeps the body of an answer only if its status is 200.
    const error: InvocationAnswer = { error: ended.failure, whs: { lines } };
    return isOurs ? sendJson(response, 200, error) : sendFailure(response, 500, ended.failure);
  }
  const { messages, figures } = ended.result;
  const output = messages === null ? { text } : { text, messages };
  if (isOurs) return sendJson(response, 200, { output, whs: { figures, lines } } satisfies InvocationAnswer);
  sendJson(response, 200, {
    output,
    ...(invocation.sessionId === null ? {} : { sessionId: invocation.sessionId }),
    usage: usageOf(figures, invocation, startedAt),
    traceId: invocation.traceId,
  });
}

async function stream(surroundings: AgentSurroundings, invocations: Invocations, invocation: Invocation, response: ServerResponse) {
  const startedAt = performance.now();
  const events = new EventWriter(response);
  const isOurs = invocation.eventId !== null;
  const { running, ending } = invocations.start(surroundings, invocation, {
    stream: !invocation.whole,
    text: (piece) => events.text(piece),
    ...(isOurs ? { tool: (event) => void events.send("tool", event) } : {}),
  });
  response.on("close", () => running.stop("cancelled"));
  if (isOurs) running.lines.onLine = () => void events.send("lines", running.lines.take(false));
  const heartbeat = setInterval(() => response.write(":\n\n"), HEARTBEAT_MS);
  const ended = await ending;
  clearInterval(heartbeat);
  running.lines.onLine = null;
  const rest = [...surroundings.log.takeWaiting(), ...running.lines.take(true)];
  if (isOurs && rest.length > 0) void events.send("lines", rest);
  sendEnd(events, ended, invocation, startedAt);
  response.end();
}

function sendEnd(events: EventWriter, ended: Ending, invocation: Invocation, startedAt: number): void {
  if (!ended.ok) {
    const { reason, ...error } = ended.failure;
    return void events.send("error", invocation.eventId === null ? { error, traceId: invocation.traceId } : { ...error, reason });
  }
  const { messages, figures } = ended.result;
  if (invocation.eventId === null) {
    void events.send("usage", usageOf(figures, invocation, startedAt));
    return void events.send("done", {});
  }
  void events.send("done", { ...(messages === null ? {} : { messages }), whs: figures } satisfies DoneEvent);
}

class EventWriter {
  private readonly response: ServerResponse;
  private id = 0;

  constructor(response: ServerResponse) {
    this.response = response;
    response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
    response.flushHeaders();
  }

  async text(piece: string): Promise<void> {
    for (let at = 0; at < piece.length;) {
      // Never between the halves of one character.
      const end = at + MAX_PIECE - (isHighSurrogate(piece.charCodeAt(at + MAX_PIECE - 1)) ? 1 : 0);
      await this.send("delta", { text: piece.slice(at, end) });
      at = end;
    }
  }

  /** Resolves once the reader has room for more, or is gone. */
  send(event: string, data: unknown): Promise<void> | undefined {
    this.id += 1;
    if (this.response.write(`id: ${this.id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`) || this.response.closed) return;
    return new Promise((resolve) => {
      const done = (): void => {
        this.response.off("drain", done);
        this.response.off("close", done);
        resolve();
      };
      this.response.on("drain", done);
      this.response.on("close", done);
    });
  }
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}

function usageOf({ tokens, toolCalls, characters }: WrapperFigures, { messages }: Invocation, startedAt: number) {
  const input = messages.reduce((sum, { content }) => sum + content.length, 0);
  return {
    tokens: tokens ?? Math.ceil((input + characters) / 4),
    tokensEstimated: tokens === null,
    computeMs: Math.round((performance.now() - startedAt) * 1000) / 1000,
    toolCalls,
  };
}

async function readBody(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function refusal(message: string): WrapperFailure {
  return { code: "INVALID_REQUEST", message, retryable: false, reason: "request" };
}

function sendFailure(response: ServerResponse, status: number, { reason: _reason, ...error }: WrapperFailure): void {
  sendJson(response, status, { error });
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body);
  response.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(text) }).end(text);
}

function asText(value: string | string[] | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}
