import type { AnswerPart, AnswerPiece } from "./types.ts";

/** A line longer than this is no event of ours; refusing it bounds the memory that a handler can take. */
const MAX_LINE = 16 * 1024 * 1024;

/** Pieces from server-sent events: invoke/v1's own (`delta`, `usage`, `error`), or unnamed ones with text or JSON. */
export async function* eventStreamPieces(body: ReadableStream<Uint8Array>): AsyncGenerator<AnswerPiece> {
  let event = "";
  let data: string[] = [];
  for await (const line of lines(body)) {
    if (line === "") {
      const piece = data.length === 0 ? null : eventPiece(event, data.join("\n"));
      if (piece !== null) yield piece;
      event = "";
      data = [];
    } else if (line.startsWith("event:")) event = line.slice(6).trim();
    else if (line.startsWith("data:")) data.push(line.slice(line.startsWith("data: ") ? 6 : 5));
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
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    while (true) {
      const { done, value } = await reader.read();
      if (done) break;
      const parts = (rest + value).split(/\r\n|\n/);
      rest = parts.pop() ?? "";
      if (rest.length > MAX_LINE) throw new Error(`A line of the answer is longer than ${MAX_LINE} characters.`);
      yield* parts;
    }
    if (rest !== "") yield rest;
    yield "";
  } finally {
    await reader.cancel();
  }
}
