/** Reads what a container answers. Nothing in it is believed: sizes are bounded, figures checked, texts cut. */
import { StringDecoder } from "node:string_decoder";
import { type Message, ProviderError } from "../port.ts";
import { MAX_OUTPUT_BYTES, MAX_WIRE_BYTES, type WrapperFigures, type WrapperLine } from "./protocol.ts";

export type AnswerPart =
  | { type: "delta"; text: string }
  | { type: "lines"; lines: WrapperLine[] }
  /** Not checked: whoever carries it out does. */
  | { type: "tool"; id: number; order: unknown }
  | { type: "done"; text: string | null; messages: readonly Message[] | null; figures: WrapperFigures }
  | { type: "error"; message: string; retryable: boolean; reason: string };

/** What an agent's orders to tools may add to an answer, all together. */
const MAX_TOOL_BYTES = 64 * 1024 * 1024;
/** Upper bound of every count. */
const MAX_COUNT = 1e12;
/** Longest error message of an agent that is passed on, in UTF-16 units. */
const MAX_MESSAGE = 1000;
/** Of one line, and of lines of one answer: what the wrapper keeps to, should it be ours. */
const MAX_LINE = 8 * 1024;
const MAX_LINES = 1_300;
const LEVELS: ReadonlySet<unknown> = new Set(["debug", "info", "warn", "error"]);

/** @throws ProviderError when it is none, or too large. */
export async function* readAnswer(body: AsyncIterable<Uint8Array>, isEventStream: boolean): AsyncGenerator<AnswerPart> {
  const bounded = boundLines(isEventStream ? readEvents(boundBytes(body)) : readJson(boundBytes(body)));
  for await (const part of bounded) yield part;
}

async function* readJson(body: AsyncIterable<Uint8Array>): AsyncGenerator<AnswerPart> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  const answer = asRecord(parsed(Buffer.concat(chunks).toString("utf8")));
  const { lines, figures } = asRecord(answer["whs"]);
  yield { type: "lines", lines: readLines(lines) };
  if (answer["error"] !== undefined) yield readFailure(answer["error"]);
  else {
    const output = asRecord(answer["output"]);
    if (typeof output["text"] !== "string") throw unexpected();
    yield { type: "done", text: checkedText(output["text"]), messages: readMessages(output["messages"]), figures: readFigures(figures) };
  }
}

async function* readEvents(body: AsyncIterable<Uint8Array>): AsyncGenerator<AnswerPart> {
  const decoder = new StringDecoder("utf8");
  let rest = "";
  let event = "";
  for await (const chunk of body) {
    const text = decoder.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    const end = text.lastIndexOf("\n");
    if (end === -1) {
      // A line of megabytes comes in many chunks; looking for its end again and again would cost its square.
      rest += text;
      continue;
    }
    const lines = (rest + text.slice(0, end)).split("\n");
    rest = text.slice(end + 1);
    for (const line of lines) {
      if (line.startsWith("event: ")) event = line.slice(7).trimEnd();
      else if (line.startsWith("data: ")) {
        const part = eventPart(event, line.slice(6));
        if (part !== null) yield part;
      }
    }
  }
}

function eventPart(event: string, data: string): AnswerPart | null {
  const value = parsed(data);
  switch (event) {
    case "delta": {
      const { text } = asRecord(value);
      if (typeof text !== "string") throw unexpected();
      return { type: "delta", text };
    }
    case "lines":
      return { type: "lines", lines: readLines(value) };
    case "tool": {
      const { id, order } = asRecord(value);
      if (!isCount(id)) throw unexpected();
      return { type: "tool", id, order };
    }
    case "done": {
      const { messages, whs } = asRecord(value);
      return { type: "done", text: null, messages: readMessages(messages), figures: readFigures(whs) };
    }
    case "error":
      return readFailure(value);
    default:
      return null;
  }
}

function readFailure(value: unknown): AnswerPart {
  const { message, retryable, reason } = asRecord(value);
  if (typeof message !== "string") throw unexpected();
  return { type: "error", message: message.slice(0, MAX_MESSAGE), retryable: retryable === true, reason: String(reason) };
}

function readFigures(value: unknown): WrapperFigures {
  const { tokens, toolCalls, characters, stored } = asRecord(value);
  if (!(tokens === null || isCount(tokens)) || !isCount(toolCalls) || !isCount(characters) || typeof stored !== "boolean")
    throw unexpected();
  return { tokens, toolCalls, characters, stored };
}

function readMessages(value: unknown): Message[] | null {
  if (value === undefined) return null;
  if (!Array.isArray(value)) throw unexpected();
  return value.map((message: unknown) => {
    const { role, content } = asRecord(message);
    if ((role !== "system" && role !== "user" && role !== "assistant" && role !== "tool") || typeof content !== "string")
      throw unexpected();
    return { role, content: checkedText(content) };
  });
}

function readLines(value: unknown): WrapperLine[] {
  if (!Array.isArray(value)) throw unexpected();
  return value.slice(0, MAX_LINES).map((line: unknown) => {
    const { at, level, message, traced } = asRecord(line);
    if (typeof at !== "number" || !LEVELS.has(level) || typeof message !== "string") throw unexpected();
    return { at, level: level as WrapperLine["level"], message: message.slice(0, MAX_LINE), traced: traced === true };
  });
}

async function* boundLines(parts: AsyncIterable<AnswerPart>): AsyncGenerator<AnswerPart> {
  let lines = 0;
  let bytes = 0;
  for await (const part of parts) {
    if (part.type === "delta") bytes += Buffer.byteLength(part.text);
    if (bytes > MAX_OUTPUT_BYTES) throw tooLarge();
    if (part.type !== "lines") yield part;
    else if (lines < MAX_LINES && part.lines.length > 0) yield { type: "lines", lines: part.lines.slice(0, MAX_LINES - lines) };
    if (part.type === "lines") lines += part.lines.length;
  }
}

async function* boundBytes(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    // Log lines and orders to tools come on top of the output.
    if (size > MAX_WIRE_BYTES + 4 * MAX_LINES * MAX_LINE + MAX_TOOL_BYTES) throw tooLarge();
    yield chunk;
  }
}

function checkedText(text: string): string {
  if (Buffer.byteLength(text) > MAX_OUTPUT_BYTES) throw tooLarge();
  return text;
}

function tooLarge(): ProviderError {
  return new ProviderError("runtime", `The agent's output is larger than ${MAX_OUTPUT_BYTES} bytes.`, { retryable: false });
}

function unexpected(): ProviderError {
  return new ProviderError("runtime", "The agent's container gave an unexpected answer.", { retryable: false });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw unexpected();
  }
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null) throw unexpected();
  return value as Readonly<Record<string, unknown>>;
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && value >= 0 && value <= MAX_COUNT;
}
