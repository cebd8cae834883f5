/**
 * What passes between the adapter (trusted) and the wrapper in an agent's container (untrusted: agent code shares its process).
 * The wrapper answers plain invoke/v1 callers too; the adapter's requests bear a `whs` member, its answers another one.
 */
import type { AgentRequest, InvokeOptions, Message } from "@whs/agent";

/** Where the image keeps the wrapper, the agent and what the wrapper has to know of it. */
export const IMAGE_ROOT = "opt/whs";
export const WRAPPER_FILE = "wrapper.js";
export const DESCRIPTION_FILE = "agent.json";
export const AGENT_FOLDER = "agent";
/** Where the platform mounts a session's own storage, if it is configured to; AgentCore wants `/mnt/<one name>`. */
export const SESSION_MOUNT = "/mnt/session";
export const CONTAINER_PORT = 8080;

/** What Node knows the wish by that its HTTP clients use the proxy of the variables, and the value by which an image leaves it to the wrapper. */
export const PROXY_VARIABLE = "NODE_USE_ENV_PROXY";
export const PROXY_LATER = "0";
/** An agent's variables stand under this prefix, so that none of them can change how the wrapper or Node itself runs. */
export const ENV_PREFIX = "WHS_ENV_";

/** `agent.json` in the image. */
export interface AgentDescription {
  mainModule: string;
  modules: Readonly<Record<string, "esm" | "text" | "json" | "wasm" | "data">>;
  sessionful: boolean;
}

export interface InvocationRequest {
  input: { messages: readonly Message[] };
  sessionId?: string;
  options?: InvokeOptions;
  metadata: { traceId: string; traceparent?: string };
  /**
   * `continues`: the session has been here before, or it has expired. `tools`: what the agent may ask for, in a stream of events;
   * `agents`: that it may call others, likewise; `whole`: the caller itself waits for the whole answer.
   */
  whs: {
    kind: "invoke";
    eventId: string;
    timeoutMs: number;
    continues?: boolean;
    tools?: readonly ToolName[];
    agents?: boolean;
    whole?: boolean;
  };
}
export type ToolName = "codeInterpreter" | "browser";
export type WrapperRequest =
  | InvocationRequest
  /** Whether the agent's code could be loaded. */
  | { whs: { kind: "inspect" } }
  /** Ends an invocation of this container, whose own answer then tells how it ended. */
  | { whs: { kind: "cancel"; eventId: string } }
  /** What came of a tool that a running invocation asked for. */
  | { whs: { kind: "tool"; eventId: string; id: number; outcome: ToolOutcome } }
  /** Deletes what a session has stored. */
  | { whs: { kind: "forget"; sessionId: string } };

export interface WrapperFigures {
  /** Null when the agent reported none. */
  tokens: number | null;
  toolCalls: number;
  /** UTF-16 units of output text. */
  characters: number;
  /** Whether the session holds anything now. */
  stored: boolean;
}
export interface WrapperLine {
  /** Epoch milliseconds. */
  at: number;
  level: "debug" | "info" | "warn" | "error";
  message: string;
  /** False for what was written outside of any invocation. */
  traced: boolean;
}

/** Answer to an unary invocation. */
export type InvocationAnswer =
  | { output: { text: string; messages?: readonly Message[] }; whs: { figures: WrapperFigures; lines: readonly WrapperLine[] } }
  | { error: WrapperFailure; whs: { lines: readonly WrapperLine[] } };

export interface WrapperFailure {
  code: "RUNTIME_ERROR" | "INVALID_REQUEST";
  /** Safe to show. */
  message: string;
  retryable: boolean;
  /** `cancelled` by request, `timeout` by the wrapper's own clock, `session` when it is not here, else the agent's own failure. */
  reason: "cancelled" | "timeout" | "session" | "agent" | "request";
}

/** What an agent asks of a tool, or of another agent (`call`). Bytes are in base64. */
export type ToolOrder =
  | { kind: "run"; language: "python" | "javascript" | "typescript"; code: string; timeoutSeconds: number }
  | { kind: "writeFiles"; files: readonly { path: string; base64: string }[] }
  | { kind: "readFiles"; paths: readonly string[] }
  | { kind: "open"; url: string; timeoutSeconds: number }
  | { kind: "evaluate"; expression: string; timeoutSeconds: number }
  | { kind: "screenshot" }
  | { kind: "call"; agent: string; request: AgentRequest };
/** Orders of one invocation that may be open at once; the wrapper refuses more. */
export const MAX_OPEN_ORDERS = 64;
/** Event `tool`: the adapter carries it out, and answers by another request. */
export interface ToolEvent {
  id: number;
  order: ToolOrder;
}
/** The value of a call is an AgentCallOutcome. */
export type ToolOutcome = { ok: true; value: unknown } | { ok: false; message: string };

/** Events of a stream: `delta`*, `lines`* and `tool`* between them, then one of `done` and `error`. */
export interface DoneEvent {
  messages?: readonly Message[];
  whs: WrapperFigures;
}
export interface InspectAnswer {
  whs: { ok: true; form: string; node: string } | { ok: false; message: string };
}

/** `output` of an invocation: 8 MiB of text and messages; their JSON may be twice that when it must be escaped. */
export const MAX_OUTPUT_BYTES = 8 * 1024 * 1024;
export const MAX_WIRE_BYTES = 2 * MAX_OUTPUT_BYTES + 2 * 1024 * 1024;
