/**
 * What passes between the three parts of a cell: the shim around an agent (untrusted: it shares the agent's isolate),
 * the dispatcher (trusted), and the driver in the gateway.
 *
 * Unary: a JSON body `{ text, messages? }` and one header with the figures. Streaming: lines of JSON, one a frame.
 */

/** What the shim reports about a finished invocation. The dispatcher checks it, since agent code may have made it up. */
export interface ShimFigures {
  /** Null when the agent reported none. */
  tokens: number | null;
  toolCalls: number;
  /** UTF-16 units of output. */
  characters: number;
  /** Whether the session holds anything now. */
  stored: boolean;
}

/** Frames of a stream, in order: `d`*, `m`?, then from the shim `f` or `x`, and last of all the dispatcher's `u` or `x`. */
export type Frame =
  | { d: string }
  | { m: readonly { role: string; content: string }[] }
  | { f: ShimFigures }
  | { u: CellUsage }
  | { x: CellFailure };

/** Figures of the trusted side, the same that are metered. */
export interface CellUsage {
  tokens: number;
  tokensEstimated: boolean;
  computeMs: number;
  toolCalls: number;
  stored: boolean;
}

export interface CellFailure {
  /** `moved`: this process takes no more; the supervisor knows of the next one. */
  kind: "moved" | "auth" | "not_found" | "invalid" | "capacity" | "transient" | "runtime" | "timeout" | "session";
  /** Safe to show. */
  message: string;
  retryable: boolean;
  /** False when agent code was certainly not run. */
  reached: boolean;
}

/** What the dispatcher asks the shim. */
export const INVOKE_URL = "http://agent/invoke";
export const STREAM_URL = "http://agent/stream";
export const INSPECT_URL = "http://agent/inspect";

/** Header in which the shim puts ShimFigures and the dispatcher CellUsage; failures have a status of 500 and up. */
export const FIGURES_HEADER = "x-whs-figures";
/** Bears the trace id into the agent's isolate; the platform's log tail reads it there. */
export const TRACE_HEADER = "x-whs-trace";
export const SESSION_HEADER = "x-whs-session";
/** Lets one invocation write to its session, as long as it runs. */
export const WRITE_TOKEN_HEADER = "x-whs-write-token";
/** Lets one invocation call other agents, as long as it runs. */
export const CALLS_HEADER = "x-whs-calls";
/** Bytes that a session's invocation may add to the storage. */
export const ROOM_HEADER = "x-whs-room";
/** Which loaded version a session's object must run. */
export const LOAD_HEADER = "x-whs-load";

/** Modules that we add beside the tenant's; a bundle with such a name is refused. */
export const SHIM_MODULE = "whs-shim.js";
export const AGENT_MODULE = "whs-agent";
export const PORT_MODULE = "whs-port";
/** Binding by which the shim reaches the dispatcher; `PORT_MODULE` takes it away before the agent's code runs. */
export const PORT_BINDING = "WHS_PORT";
/** Class in the shim that runs a session's invocations inside its facet. */
export const SESSION_CLASS = "AgentSession";

/** Words with which a session's object ends itself. */
export const CLOSED = "The session is gone.";

/** Key of the session objects' namespace, and so their folder in the cell's storage. */
export const SESSION_FOLDER = "sessions";

/** `output` of an invocation: 8 MiB of text and messages; their JSON may be twice that when it must be escaped. */
export const MAX_OUTPUT_BYTES = 8 * 1024 * 1024;
export const MAX_WIRE_BYTES = 2 * MAX_OUTPUT_BYTES + 64 * 1024;

/** Upper bound of every count. */
const MAX_COUNT = 1e12;

export function encodeFigures({ tokens, toolCalls, characters, stored }: ShimFigures): string {
  return `${tokens ?? "-"};${toolCalls};${characters};${stored ? 1 : 0}`;
}

/** Null when it is not what our shim writes. */
export function decodeFigures(text: string | null): ShimFigures | null {
  const match = /^(-|\d{1,13});(\d{1,13});(\d{1,13});([01])$/.exec(text ?? "");
  if (match === null) return null;
  return checkFigures({
    tokens: match[1] === "-" ? null : Number(match[1]),
    toolCalls: Number(match[2]),
    characters: Number(match[3]),
    stored: match[4] === "1",
  });
}

/** Null when a figure is no count. */
export function checkFigures(figures: ShimFigures): ShimFigures | null {
  const { tokens, toolCalls, characters, stored } = figures;
  return (tokens === null || isCount(tokens)) && isCount(toolCalls) && isCount(characters) && typeof stored === "boolean"
    ? { tokens, toolCalls, characters, stored }
    : null;
}

export function encodeUsage(usage: CellUsage): string {
  return `${usage.tokens};${usage.tokensEstimated ? 1 : 0};${usage.computeMs};${usage.toolCalls};${usage.stored ? 1 : 0}`;
}

export function decodeUsage(text: string): CellUsage | null {
  const parts = text.split(";").map(Number);
  const [tokens = NaN, estimated, computeMs = NaN, toolCalls = NaN, stored] = parts;
  if (parts.length !== 5 || !isCount(tokens) || !isCount(computeMs) || !isCount(toolCalls)) return null;
  return { tokens, tokensEstimated: estimated === 1, computeMs, toolCalls, stored: stored === 1 };
}

/**
 * Tokens of an invocation whose agent reported none: one for every four characters of input and output, rounded up.
 * Both the runtime's event and the gateway's fallback use it.
 */
export function estimateTokens(inputCharacters: number, outputCharacters: number): number {
  return Math.ceil((inputCharacters + outputCharacters) / 4);
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && value >= 0 && value <= MAX_COUNT;
}
