import { AnswerError } from "./answer.ts";
import type { AnswerPart, AnswerPiece } from "./types.ts";

/**
 * What has to be held at once before it can be read (a line, an event, a body of JSON) may have as many characters as this:
 * the largest output with every character escaped by another. More would take memory from the owner's other agents.
 */
const MAX_HELD = 16 * 1024 * 1024;

/** Pieces from server-sent events: invoke/v1's own (`delta`, `usage`, `error`), or unnamed ones with text or JSON. */
export async function* eventStreamPieces(body: ReadableStream<Uint8Array>): AsyncGenerator<AnswerPiece> {
  let event = "";
  let data: string[] = [];
  let length = 0;
  for await (const line of lines(body)) {
    if (line === "") {
      const piece = data.length === 0 ? null : eventPiece(event, data.join("\n"));
      if (piece !== null) yield piece;
      event = "";
      data = [];
      length = 0;
    } else if (line.startsWith("event:")) event = line.slice(6).trim();
    else if (line.startsWith("data:")) {
      length += line.length;
      refuseLonger(length);
      data.push(line.slice(line.startsWith("data: ") ? 6 : 5));
    }
  }
}

/** Pieces from lines of JSON, each a string or `{ text, usage, messages }`. */
export async function* linePieces(body: ReadableStream<Uint8Array>): AsyncGenerator<AnswerPiece> {
  for await (const line of lines(body)) if (line.trim() !== "") yield JSON.parse(line) as AnswerPiece;
}

function eventPiece(event: string, data: string): AnswerPiece | null {
  if (event === "usage") return { usage: JSON.parse(data) as NonNullable<AnswerPart["usage"]> };
  if (event === "error") throw new Error(errorText(data));
  if (event === "delta") return JSON.parse(data) as AnswerPart;
  if ((event !== "" && event !== "message") || data === "[DONE]") return null;
  const value = parsed(data);
  if (typeof value === "string") return value;
  if (typeof value === "object" && value !== null && ("text" in value || "usage" in value)) return value as AnswerPart;
  return data;
}

function errorText(data: string): string {
  const value = parsed(data);
  const error = typeof value === "object" && value !== null && "error" in value ? value.error : value;
  if (typeof error === "object" && error !== null && "message" in error && typeof error.message === "string") return error.message;
  return typeof error === "string" ? error : data;
}

/** The value of a JSON text; the text itself where it is none, since unnamed events may carry either. */
function parsed(data: string): unknown {
  if (!/^\s*["{]/.test(data)) return data;
  try {
    return JSON.parse(data);
  } catch (error) {
    if (error instanceof SyntaxError) return data;
    throw error;
  }
}

async function* lines(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  // In pieces until the line ends: joining them at each chunk would take time by the square of the line's length.
  let rest: string[] = [];
  let length = 0;
  for await (const chunk of decoded(body)) {
    const parts = chunk.split("\n");
    const last = parts.pop() ?? "";
    for (const part of parts) {
      yield withoutReturn(rest.join("") + part);
      rest = [];
      length = 0;
    }
    rest.push(last);
    length += last.length;
    refuseLonger(length);
  }
  if (length > 0) yield rest.join("");
  yield "";
}

function withoutReturn(line: string): string {
  return line.endsWith("\r") ? line.slice(0, -1) : line;
}

/** The whole of a body that cannot be understood in parts. */
export async function wholeText(body: ReadableStream<Uint8Array>): Promise<string> {
  const pieces: string[] = [];
  let length = 0;
  for await (const piece of decoded(body)) {
    length += piece.length;
    refuseLonger(length);
    pieces.push(piece);
  }
  return pieces.join("");
}

/** The beginning of a body, whose rest is not waited for. */
export async function textUpTo(body: ReadableStream<Uint8Array>, maxLength: number): Promise<string> {
  let text = "";
  for await (const piece of decoded(body)) {
    text += piece;
    if (text.length >= maxLength) break;
  }
  return text.slice(0, maxLength);
}

function refuseLonger(length: number): void {
  if (length > MAX_HELD) throw new AnswerError(`The agent's output has more than ${MAX_HELD} characters that belong together.`);
}

async function* decoded(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  try {
    while (true) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel();
  }
}
