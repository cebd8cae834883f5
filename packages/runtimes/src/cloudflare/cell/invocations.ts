import type { CellContext, Fetcher } from "cloudflare:workers";
import { CALL_TOKEN_HEADER } from "../../agent-calls.ts";
import { allowCalls, endCalls } from "./agent-calls.ts";
import {
  CALLS_HEADER,
  INVOKE_URL,
  LOAD_HEADER,
  ROOM_HEADER,
  SESSION_HEADER,
  STREAM_URL,
  TRACE_HEADER,
  WRITE_TOKEN_HEADER,
  type CellFailure,
} from "./answers.ts";
import type { InvocationRecord, LoadTicket } from "./control.ts";
import type { CellEnv } from "./env.ts";
import { enterSession, isKnownStored, storageLeft, type Visit } from "./fresh-sessions.ts";
import { loadWorker, ticketFor, wasUnserved } from "./loads.ts";
import { TooManySessions } from "./open-sessions.ts";
import { Outbox } from "./outbox.ts";
import { failureResponse, Meter, relayStream, relayUnary } from "./relay.ts";
import { StorageFull } from "./storage-bound.ts";
import { allowWrites, endWrites, removeEmptySession, sessionObjectId } from "./sessions.ts";

export const records = new Outbox<InvocationRecord>("/telemetry");

let inFlight = 0;
let draining = false;
/** Loads that answered once: when one of them fails later, it is not because it cannot start. */
const proven = new Set<string>();

export function invocationsInFlight(): number {
  return inFlight;
}

/** From now on whoever asks is sent away; what runs may end. */
export function drain(): void {
  draining = true;
}

/** `/{invoke|stream}/{deploymentId}/{eventId}/{traceId}/{inputCharacters}/{timeoutMs}[/{sessionId}]` */
export interface InvocationTarget {
  verb: "invoke" | "stream";
  deploymentId: string;
  eventId: string;
  traceId: string;
  inputCharacters: number;
  timeoutMs: number;
  sessionId: string | null;
  /** By which its shim calls other agents. */
  calls?: string;
}

export function parseInvocation(verb: "invoke" | "stream", path: readonly string[]): InvocationTarget {
  const [, , deploymentId = "", eventId = "", traceId = "", inputCharacters = "0", timeoutMs = "0", sessionId] = path;
  return {
    verb,
    deploymentId,
    eventId,
    traceId: decodeURIComponent(traceId),
    inputCharacters: Number(inputCharacters),
    timeoutMs: Number(timeoutMs),
    sessionId: sessionId === undefined || sessionId === "" ? null : decodeURIComponent(sessionId),
  };
}

export async function invoke(env: CellEnv, context: CellContext, request: Request, target: InvocationTarget): Promise<Response> {
  if (draining)
    return failureResponse({ kind: "moved", message: "The agent's process is being replaced.", retryable: true, reached: false });
  if (inFlight >= env.LIMITS.maxInvocations) {
    return failureResponse({
      kind: "capacity",
      message: "Too many invocations are running in this cell.",
      retryable: true,
      reached: false,
    });
  }
  inFlight += 1;
  const meter = new Meter(target, (record) => {
    inFlight -= 1;
    if (record === null) return;
    records.push(record, env);
    records.flush(env, (promise) => context.waitUntil(promise));
  });
  const token = request.headers.get(CALL_TOKEN_HEADER);
  if (token !== null) {
    const calls = allowCalls(target.deploymentId, token);
    target.calls = calls;
    meter.onEnd(() => endCalls(calls));
  }
  // Kept alive past a caller that goes away, so that the agent is told, and its use is recorded.
  const done = run(env, context, request, target, meter);
  context.waitUntil(done);
  return done;
}

async function run(env: CellEnv, context: CellContext, request: Request, target: InvocationTarget, meter: Meter): Promise<Response> {
  try {
    const ticket = await ticketFor(env, target.deploymentId);
    if (ticket === null)
      return meter.refuse({ kind: "not_found", message: "The deployment is not on this node.", retryable: false, reached: false });
    const body = await request.text();
    if (!ticket.sessionful || target.sessionId === null) return await callAgent(env, context, request, target, meter, body, ticket, null);
    return await callInSession(env, context, request, target, meter, body, ticket, target.sessionId);
  } catch (error) {
    if (error instanceof TooManySessions) return meter.refuse(ALL_OPEN);
    return unanswered(request, meter);
  }
}

async function callInSession(
  env: CellEnv,
  context: CellContext,
  request: Request,
  target: InvocationTarget,
  meter: Meter,
  body: string,
  ticket: LoadTicket,
  sessionId: string,
): Promise<Response> {
  const objectId = sessionObjectId(env, ticket.agentId, sessionId);
  const visit = await enterSession(env, objectId);
  if (!visit.fresh && storageLeft() < -env.LIMITS.storageToleranceBytes) {
    visit.leave();
    return meter.refuse(STORAGE_FULL);
  }
  const place: SessionPlace = { objectId, sessionId, visit, token: null };
  meter.onEnd((stored) => {
    visit.leave();
    if (place.token !== null) endWrites(place.token);
    // A session that held something, or came to hold something just now, and holds nothing any more.
    if (!stored && (!visit.fresh || isKnownStored(objectId))) context.waitUntil(removeEmptySession(env, ticket.agentId, objectId));
  });
  return callAgent(env, context, request, target, meter, body, ticket, place);
}

interface SessionPlace {
  objectId: string;
  sessionId: string;
  visit: Visit;
  /** While it runs in the bare isolate. */
  token: string | null;
}

async function callAgent(
  env: CellEnv,
  context: CellContext,
  request: Request,
  target: InvocationTarget,
  meter: Meter,
  body: string,
  ticket: LoadTicket,
  place: SessionPlace | null,
): Promise<Response> {
  meter.runs(ticket.loadId);
  const init = { method: "POST", headers: agentHeaders(request, target, ticket, place), body, signal: request.signal };
  const url = target.verb === "stream" ? STREAM_URL : INVOKE_URL;
  if (request.signal.aborted) return meter.refuse(LEFT);
  let response: Response;
  try {
    meter.start(place !== null && !place.visit.fresh ? 1 : 0);
    response = await entrypoint(env, context, ticket, place).fetch(url, init);
  } catch (error) {
    if (proven.has(ticket.loadId) || request.signal.aborted) throw error;
    // It may have been the load that failed, and a failed load stays failed: once more, under a new id.
    const retry = await ticketFor(env, target.deploymentId, ticket.loadId);
    if (retry === null) throw error;
    meter.runs(retry.loadId);
    try {
      response = await entrypoint(env, context, retry, place).fetch(url, { ...init, headers: agentHeaders(request, target, retry, place) });
    } catch (again) {
      if (wasUnserved(retry.loadId)) return meter.refuse(UNSERVED);
      throw again;
    }
    proven.add(retry.loadId);
  }
  proven.add(ticket.loadId);
  return target.verb === "stream" && response.ok ? relayStream(response, request, meter, context) : await relayUnary(response, meter);
}

/** Where the invocation runs: the session's object when it holds something, else the bare isolate. */
function entrypoint(env: CellEnv, context: CellContext, ticket: LoadTicket, place: SessionPlace | null): Fetcher {
  if (place !== null && !place.visit.fresh) return env.SESSION.get(env.SESSION.idFromString(place.objectId));
  return loadWorker(env, context, ticket.loadId).getEntrypoint();
}

function agentHeaders(request: Request, target: InvocationTarget, ticket: LoadTicket, place: SessionPlace | null): Record<string, string> {
  const headers: Record<string, string> = { [TRACE_HEADER]: target.traceId };
  const traceparent = request.headers.get("traceparent");
  if (traceparent !== null) headers.traceparent = traceparent;
  if (target.calls !== undefined) headers[CALLS_HEADER] = target.calls;
  if (place === null) return headers;
  headers[SESSION_HEADER] = encodeURIComponent(place.sessionId);
  if (!place.visit.fresh) {
    headers[LOAD_HEADER] = ticket.loadId;
    headers[ROOM_HEADER] = String(storageLeft());
    return headers;
  }
  const { deploymentId } = target;
  if (place.token !== null) endWrites(place.token);
  place.token = allowWrites({ deploymentId, objectId: place.objectId, agentId: ticket.agentId, loadId: ticket.loadId });
  headers[WRITE_TOKEN_HEADER] = place.token;
  return headers;
}

const UNSERVED: CellFailure = {
  kind: "transient",
  message: "The agent's code or secrets cannot be read now.",
  retryable: true,
  reached: false,
};
/** The quota was passed by so much that its sessions are not run, since they would not stop by themselves. */
const STORAGE_FULL: CellFailure = { kind: "runtime", message: new StorageFull().message, retryable: false, reached: false };
const ALL_OPEN: CellFailure = {
  kind: "capacity",
  message: "Too many sessions are in use at once in this cell.",
  retryable: true,
  reached: false,
};
/** Nobody reads it. */
const LEFT: CellFailure = { kind: "runtime", message: "The invocation was cancelled.", retryable: true, reached: false };

/** No answer came out of the isolate: the caller left, or the isolate could not run. */
function unanswered(request: Request, meter: Meter): Response {
  if (request.signal.aborted) {
    meter.recordCancelled();
    return failureResponse(
      meter.timedOut
        ? { kind: "timeout", message: "The agent did not answer in time.", retryable: true, reached: true }
        : { kind: "runtime", message: "The invocation was cancelled.", retryable: true, reached: true },
    );
  }
  // What the runtime says of it is in the agent's log, by its tail.
  const message = "The agent ended without an answer: it waits for something that never comes, or its isolate failed. Its log says more.";
  // It may have been the machine as well as the agent, so another try is worth it.
  return meter.fail({ kind: "runtime", message, retryable: true, reached: meter.started });
}
