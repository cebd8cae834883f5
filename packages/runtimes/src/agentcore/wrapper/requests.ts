/** Reads what `/invocations` was sent: the adapter's requests, and plain invoke/v1. Checked by hand: the wrapper has no dependencies. */
import type { InvokeOptions, Message } from "@whs/agent";
import type { ToolName, ToolOutcome, WrapperRequest } from "../protocol.ts";

export class RequestError extends Error {
  override readonly name = "RequestError";
}

export interface Invocation {
  messages: readonly Message[];
  options: InvokeOptions;
  sessionId: string | null;
  traceId: string;
  traceparent: string | null;
  /** Null for plain callers. */
  eventId: string | null;
  timeoutMs: number;
  /** Whether the session must have been here before. */
  continues: boolean;
  tools: readonly ToolName[];
  /** Whether other agents may be called. */
  agents: boolean;
  /** Whether the caller takes the whole answer at once, whatever this answer's form. */
  whole: boolean;
}
export type ParsedRequest = { kind: "invoke"; invocation: Invocation } | Exclude<WrapperRequest["whs"], { kind: "invoke" }>;

/** The platform's own limit of a synchronous request. */
const MAX_TIMEOUT_MS = 900_000;

/** @throws RequestError saying what is wrong. */
export function parseRequest(text: string, traceIdHeader: string | undefined): ParsedRequest {
  const body = asRecord(parseJson(text), "The body");
  const whs = body["whs"] === undefined ? {} : asRecord(body["whs"], "whs");
  switch (whs["kind"]) {
    case "inspect":
      return { kind: "inspect" };
    case "cancel":
      return { kind: "cancel", eventId: asText(whs["eventId"], "whs.eventId") };
    case "forget":
      return { kind: "forget", sessionId: asText(whs["sessionId"], "whs.sessionId") };
    case "tool":
      return { kind: "tool", eventId: asText(whs["eventId"], "whs.eventId"), id: asNumber(whs["id"], "whs.id"), outcome: readOutcome(whs) };
    case undefined:
    case "invoke":
      return { kind: "invoke", invocation: readInvocation(body, whs, traceIdHeader) };
    default:
      throw new RequestError("whs.kind is none that this wrapper knows.");
  }
}

function readInvocation(body: Fields, whs: Fields, traceIdHeader: string | undefined): Invocation {
  const metadata = optional(body["metadata"], (value) => asRecord(value, "metadata")) ?? {};
  const timeoutMs = optional(whs["timeoutMs"], (value) => asNumber(value, "whs.timeoutMs")) ?? MAX_TIMEOUT_MS;
  return {
    messages: readMessages(asRecord(body["input"], "input")),
    options: optional<InvokeOptions>(body["options"], (value) => asRecord(value, "options")) ?? {},
    sessionId: optional(body["sessionId"], (value) => asText(value, "sessionId")),
    traceId: optional(metadata["traceId"], (value) => asText(value, "metadata.traceId")) ?? traceIdHeader ?? "",
    traceparent: optional(metadata["traceparent"], (value) => asText(value, "metadata.traceparent")),
    eventId: optional(whs["eventId"], (value) => asText(value, "whs.eventId")),
    timeoutMs: Math.min(timeoutMs, MAX_TIMEOUT_MS),
    continues: whs["continues"] === true,
    tools: readTools(whs["tools"]),
    agents: whs["agents"] === true,
    whole: whs["whole"] === true,
  };
}

function readTools(value: unknown): ToolName[] {
  const asked: readonly unknown[] = Array.isArray(value) ? value : [];
  return (["codeInterpreter", "browser"] as const).filter((name) => asked.includes(name));
}

function readOutcome(whs: Fields): ToolOutcome {
  const { ok, value, message } = asRecord(whs["outcome"], "whs.outcome");
  return ok === true ? { ok, value } : { ok: false, message: asText(message, "whs.outcome.message") };
}

function readMessages(input: Fields): Message[] {
  const { prompt, messages } = input;
  if ((prompt ?? null) !== null && (messages ?? null) !== null) throw new RequestError("input has prompt and messages; give one of them.");
  if ((prompt ?? null) !== null) return [{ role: "user", content: asText(prompt, "input.prompt") }];
  if (!Array.isArray(messages) || messages.length === 0) throw new RequestError("input needs a prompt or messages.");
  return messages.map((message: unknown, index) => {
    const { role, content } = asRecord(message, `input.messages.${index}`);
    if (role !== "system" && role !== "user" && role !== "assistant" && role !== "tool")
      throw new RequestError(`input.messages.${index}.role must be system, user, assistant or tool.`);
    return { role, content: asText(content, `input.messages.${index}.content`) };
  });
}

type Fields = Readonly<Record<string, unknown>>;

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new RequestError("The body is not JSON.", { cause });
  }
}

function asRecord(value: unknown, name: string): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new RequestError(`${name} must be an object.`);
  return value as Fields;
}

function asText(value: unknown, name: string): string {
  if (typeof value !== "string") throw new RequestError(`${name} must be a text.`);
  return value;
}

function asNumber(value: unknown, name: string): number {
  if (typeof value !== "number" || !(value > 0)) throw new RequestError(`${name} must be a number above 0.`);
  return value;
}

/** An explicit null means absent. */
function optional<T>(value: unknown, read: (value: unknown) => T): T | null {
  return value === undefined || value === null ? null : read(value);
}
