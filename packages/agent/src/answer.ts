import type { Answer, AnswerPart, Message, Usage } from "./types.ts";

/** The author's mistake in what `invoke` returned; the message tells what to change. */
export class AnswerError extends Error {
  override readonly name = "AnswerError";
}

/** What is known once an answer has been read to its end. The text itself went to the sink, piece by piece. */
export interface AnswerResult {
  /** UTF-16 code units of text given to the sink. */
  characters: number;
  tokens: number | null;
  toolCalls: number;
  messages: readonly Message[] | null;
}

export interface AnswerSink {
  /** Takes one non-empty piece of text; a returned promise holds the agent back until the reader has caught up. */
  text(piece: string): void | Promise<void>;
  /** Stops reading, and closes the agent's iterator, when it aborts. */
  signal?: AbortSignal;
  /** Bytes of UTF-8 that all text and messages together may have. */
  maxBytes: number;
}

/** Upper bound of a reported figure: far above any real invocation. */
const MAX_FIGURE = 1e12;
const encoder = new TextEncoder();

/**
 * Reads whatever an agent returned (a string, a part, an iterable, a stream, or a promise of one) into the sink.
 * @throws AnswerError when it is none of these, or too large; the agent's own error as it is; the signal's reason.
 */
export async function readAnswer(returned: Answer | Promise<Answer>, sink: AnswerSink): Promise<AnswerResult> {
  const reader = new AnswerReader(sink);
  const answer: unknown = await returned;
  if (typeof answer === "string") await reader.take(answer);
  else if (isStream(answer)) await readIterator(streamIterator(answer), reader, sink.signal);
  else if (isAsyncIterable(answer)) await readIterator(answer[Symbol.asyncIterator](), reader, sink.signal);
  else if (isIterable(answer)) await readIterator(answer[Symbol.iterator](), reader, sink.signal);
  else await reader.take(answer);
  return reader.result();
}

class AnswerReader {
  private readonly sink: AnswerSink;
  private readonly decoder = new TextDecoder();
  private bytes = 0;
  private characters = 0;
  private tokens: number | null = null;
  private toolCalls = 0;
  private messages: readonly Message[] | null = null;

  constructor(sink: AnswerSink) {
    this.sink = sink;
  }

  take(piece: unknown): void | Promise<void> {
    if (typeof piece === "string") return this.takeText(piece);
    if (piece instanceof Uint8Array) return this.takeText(this.decoder.decode(piece, { stream: true }));
    if (typeof piece !== "object" || piece === null || Array.isArray(piece) || !isPart(piece)) {
      throw new AnswerError(`An agent answers with text or { text, usage, messages }, not with ${describeValue(piece)}.`);
    }
    if (piece.usage !== undefined) this.takeUsage(piece.usage);
    if (piece.messages !== undefined) this.takeMessages(piece.messages);
    if (piece.text !== undefined) return this.takeText(piece.text);
  }

  result(): AnswerResult {
    return { characters: this.characters, tokens: this.tokens, toolCalls: this.toolCalls, messages: this.messages };
  }

  private takeText(text: unknown): void | Promise<void> {
    if (typeof text !== "string") throw new AnswerError(`"text" must be a string, not ${describeValue(text)}.`);
    if (text === "") return;
    this.characters += text.length;
    this.addBytes(text);
    return this.sink.text(text);
  }

  private takeUsage(usage: Usage): void {
    this.tokens = figure("tokens", usage?.tokens) ?? this.tokens;
    this.toolCalls = figure("toolCalls", usage?.toolCalls) ?? this.toolCalls;
  }

  private takeMessages(messages: unknown): void {
    if (!Array.isArray(messages) || !messages.every(isMessage)) {
      throw new AnswerError('"messages" must be an array of { role, content } with role system, user, assistant or tool.');
    }
    for (const message of messages) this.addBytes(message.content);
    this.messages = messages.map(({ role, content }) => ({ role, content }));
  }

  private addBytes(text: string): void {
    this.bytes += encoder.encode(text).length;
    if (this.bytes > this.sink.maxBytes) throw new AnswerError(`The agent's output is larger than ${this.sink.maxBytes} bytes.`);
  }
}

async function readIterator(
  iterator: Iterator<unknown> | AsyncIterator<unknown>,
  reader: AnswerReader,
  signal?: AbortSignal,
): Promise<void> {
  const aborted = signal === undefined ? null : abortion(signal);
  let finished = false;
  try {
    while (true) {
      const step = aborted === null ? await iterator.next() : await Promise.race([iterator.next(), aborted.promise]);
      if (step.done === true) {
        finished = true;
        if (step.value !== undefined) await reader.take(step.value);
        return;
      }
      await reader.take(step.value);
    }
  } finally {
    aborted?.forget();
    // Not awaited: an agent that hangs in its clean-up must not hold the caller, who has what can be had.
    if (!finished) void Promise.resolve(iterator.return?.()).catch(ignoreLateFailure);
  }
}

/** The invocation has its outcome already; what the agent's clean-up throws afterwards has nobody to go to. */
function ignoreLateFailure(): void {}

function abortion(signal: AbortSignal): { promise: Promise<never>; forget: () => void } {
  let forget = ignoreLateFailure;
  const promise = new Promise<never>((_resolve, reject) => {
    const abort = () => reject(signal.reason);
    forget = () => signal.removeEventListener("abort", abort);
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true });
  });
  promise.catch(ignoreLateFailure);
  return { promise, forget: () => forget() };
}

/** Not every runtime's ReadableStream is async iterable, so it is read by its reader. */
function streamIterator(stream: ReadableStream): AsyncIterator<unknown> {
  const reader = stream.getReader();
  return {
    next: async () => {
      const { done, value } = await reader.read();
      return done ? { done: true, value: undefined } : { done: false, value };
    },
    return: async () => {
      await reader.cancel();
      return { done: true, value: undefined };
    },
  };
}

function figure(name: string, value: unknown): number | null {
  if (value === undefined || value === null) return null;
  if (typeof value === "number" && value >= 0 && value <= MAX_FIGURE) return Math.ceil(value);
  throw new AnswerError(`"usage.${name}" must be a number from 0 to ${MAX_FIGURE}, not ${describeValue(value)}.`);
}

function isPart(value: object): value is AnswerPart {
  return "text" in value || "usage" in value || "messages" in value;
}

function isMessage(value: unknown): value is Message {
  if (typeof value !== "object" || value === null || !("role" in value) || !("content" in value)) return false;
  const { role, content } = value;
  return typeof content === "string" && (role === "system" || role === "user" || role === "assistant" || role === "tool");
}

function isStream(value: unknown): value is ReadableStream {
  return typeof value === "object" && value !== null && "getReader" in value && typeof value.getReader === "function";
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === "object" && value !== null && Symbol.asyncIterator in value;
}

function isIterable(value: unknown): value is Iterable<unknown> {
  return typeof value === "object" && value !== null && Symbol.iterator in value && !Array.isArray(value) && !(value instanceof Uint8Array);
}

function describeValue(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === "object")
    return Array.isArray(value) ? "an array" : `an object with ${Object.keys(value).slice(0, 5).join(", ") || "no keys"}`;
  return typeof value === "number" || typeof value === "boolean" ? String(value) : `a ${typeof value}`;
}
