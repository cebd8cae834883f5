/** What the dispatcher asks of the supervisor over the cell's control socket, and what it reports there. */
import type { LoaderModule } from "cloudflare:workers";

/** `GET /deployments/{id}?failed={loadId}`: which load serves a deployment now. 404 when it is not this tenant's. */
export interface LoadTicket {
  /** `deploymentId:secretsRevision:attempt`; a failed load is cached under its id, so `failed` asks for the next attempt. */
  loadId: string;
  agentId: string;
  sessionful: boolean;
}

/** `GET /loads/{loadId}`: code and secrets, as they go into the loader. Binary modules are base64. */
export interface LoadCode {
  compatibilityDate: string;
  compatibilityFlags: readonly string[];
  mainModule: string;
  modules: Readonly<
    Record<string, Exclude<LoaderModule, { data: ArrayBuffer } | { wasm: ArrayBuffer }> | { data: string } | { wasm: string }>
  >;
  secrets: Readonly<Record<string, string>>;
}

/** `GET /sessions`: every session that holds something, or nothing but the fact that there are too many to list. */
export interface SessionList {
  complete: boolean;
  objectIds: readonly string[];
  room: StorageRoom;
}

/** What the supervisor measured last of the tenant's storage. */
export interface StorageRoom {
  /** Bytes that the tenant's sessions may still take; negative when they take too much. */
  leftBytes: number;
  /** Counts the measurements since the cell's start. */
  asOf: number;
}

/** `POST /agent-calls`: an agent calls another one. Answers with an AgentCallOutcome; whoever leaves ends the call. */
export interface AgentCallOrder {
  /** Of the invocation that calls. */
  token: string;
  /** As the agent made it. */
  call: unknown;
}

/** `POST /telemetry`: finished invocations, oldest first. */
export interface InvocationRecord {
  eventId: string;
  deploymentId: string;
  traceId: string;
  /** Epoch milliseconds of its end. */
  at: number;
  tokens: number;
  tokensEstimated: boolean;
  computeMs: number;
  toolCalls: number;
  errorClass: "runtime" | null;
  durableObjectOps: number;
}

/** `POST /logs`: what agents wrote, unredacted. */
export interface LogRecord {
  deploymentId: string;
  traceId: string | null;
  /** Epoch milliseconds. */
  at: number;
  level: string;
  message: string;
}

/** `GET /heartbeat?left={leftBytes}&asOf={asOf}` on the cell's own socket, as in StorageRoom. */
export interface Heartbeat {
  inFlight: number;
  /** Versions loaded since the start; none is ever evicted. */
  loads: number;
  /** Records that were dropped because the buffers were full. */
  dropped: number;
  /** Records not yet handed to the supervisor. */
  pending: number;
}
