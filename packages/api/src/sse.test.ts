import * as fc from "fast-check";
import { expect, test } from "vitest";
import { readServerSentEvents, type ServerSentEvent } from "./sse.ts";

async function* stream(chunks: Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

async function read(...chunks: (string | Uint8Array)[]): Promise<ServerSentEvent[]> {
  const bytes = chunks.map((chunk) => (typeof chunk === "string" ? new TextEncoder().encode(chunk) : chunk));
  return Array.fromAsync(readServerSentEvents(stream(bytes)));
}
const message = (data: string, id: string | null = null): ServerSentEvent => ({ event: "message", data, id });

test.each([
  ["one event", "data: a\n\n", [message("a")]],
  ["a named event with an id", "id: 7\nevent: delta\ndata: a\n\n", [{ event: "delta", data: "a", id: "7" }]],
  ["carriage returns", "data: a\r\rdata: b\r\r", [message("a"), message("b")]],
  ["carriage returns and line feeds", "data: a\r\n\r\ndata: b\r\n\r\n", [message("a"), message("b")]],
  ["several lines of data", "data: a\ndata:\ndata:  b\n\n", [message("a\n\n b")]],
  ["no space after the colon", "data:a\n\n", [message("a")]],
  ["a colon in the value", "data: a: b\n\n", [message("a: b")]],
  ["a field without a colon", "data\n\n", [message("")]],
  ["comments", ": heartbeat\n\n:\n\ndata: a\n: in between\ndata: b\n\n", [message("a\nb")]],
  ["unknown fields", "retry: 5\nfoo: bar\ndata: a\n\n", [message("a")]],
  ["an event without data", "event: ping\n\ndata: a\n\n", [message("a")]],
  ["an empty name", "event:\ndata: a\n\n", [message("a")]],
  ["an id that holds on", "id: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\n", [message("a", "1"), message("b", "1"), message("c", "")]],
  ["an id with NUL", "id: 1\ndata: a\n\nid: 2\0\ndata: b\n\n", [message("a", "1"), message("b", "1")]],
  ["a byte order mark", "\uFEFFdata: a\n\n", [message("a")]],
  ["an end in the middle", "data: a\n\ndata: b\n", [message("a")]],
  ["nothing", "", []],
])("%s", async (_what, text, expected) => {
  expect(await read(text)).toEqual(expected);
});

test("bytes that are not UTF-8 become replacement characters", async () => {
  expect(await read("data: ", Uint8Array.of(0xff), "\n\n")).toEqual([message("\uFFFD")]);
});

test("any cutting of a byte stream yields the same events", async () => {
  const lineEnd = fc.constantFrom("\n", "\r\n", "\r");
  const text = fc.string({ unit: "binary" }).map((value) => value.replaceAll(/[\r\n\0\uFEFF]/g, "~").toWellFormed());
  const line = fc.oneof(
    text.map((value) => `data: ${value}`),
    text.map((value) => `data:${value}`),
    text.map((value) => `: ${value}`),
    text.map((value) => `event: ${value}`),
    text.map((value) => `id: ${value}`),
    fc.constant(""),
    fc.constant("data"),
  );
  const source = fc.array(fc.tuple(line, lineEnd), { maxLength: 30 }).map((lines) => lines.flat().join(""));
  const cuts = fc.array(fc.nat(), { maxLength: 40 });
  const property = async (whole: string, positions: number[]): Promise<boolean> => {
    const bytes = new TextEncoder().encode(whole);
    const sorted = [0, ...positions.map((position) => position % (bytes.length + 1)), bytes.length].toSorted((a, b) => a - b);
    const chunks = sorted.slice(1).map((end, index) => bytes.slice(sorted[index], end));
    return JSON.stringify(await read(...chunks)) === JSON.stringify(await read(bytes));
  };
  await fc.assert(fc.asyncProperty(source, cuts, property), { numRuns: 300 });
});

test("what a server writes is what a client reads", async () => {
  const data = fc.string({ unit: "grapheme" }).filter((value) => !/[\r\n\0\uFEFF]/.test(value) && value.isWellFormed());
  const property = async (values: string[]): Promise<void> => {
    const written = values.map((value, index) => `id: ${index + 1}\nevent: delta\ndata: ${JSON.stringify({ text: value })}\n\n`);
    const events = await read(...written);
    expect(events.map((event) => (JSON.parse(event.data) as { text: string }).text)).toEqual(values);
    expect(events.map(({ id }) => id)).toEqual(values.map((_, index) => String(index + 1)));
  };
  await fc.assert(fc.asyncProperty(fc.array(data), property));
});

test("an event or a line of more than 16 Mi characters ends the reading", async () => {
  const mebi = "x".repeat(1024 * 1024);
  const lines = Array.from({ length: 17 }, () => `data: ${mebi}\n`);
  await expect(read(...lines)).rejects.toThrow("exceeds 16777216 characters");
  const line = Array.from({ length: 17 }, () => mebi);
  await expect(read("data: ", ...line)).rejects.toThrow("exceeds 16777216 characters");
});

test("many events in one piece are no large event", async () => {
  const events = `data: ${"x".repeat(1_000_000)}\n\n`.repeat(20);
  expect(await read(events)).toHaveLength(20);
});

test("an event is delivered before the next bytes come", async () => {
  const never = Promise.withResolvers<Uint8Array>();
  async function* open(): AsyncGenerator<Uint8Array> {
    yield new TextEncoder().encode("data: a\n\n");
    yield await never.promise;
  }
  const events = readServerSentEvents(open());
  expect(await events.next()).toEqual({ done: false, value: message("a") });
  never.resolve(new Uint8Array());
  await events.return(undefined);
});

test("who stops reading closes the source, and a source that fails fails the reader", async () => {
  let closed = false;
  const source = async function* (): AsyncGenerator<Uint8Array> {
    try {
      yield new TextEncoder().encode("data: a\n\n");
      throw new Error("reset");
    } finally {
      closed = true;
    }
  };
  for await (const event of readServerSentEvents(source())) {
    expect(event.data).toBe("a");
    break;
  }
  expect(closed).toBe(true);
  await expect(Array.fromAsync(readServerSentEvents(source()))).rejects.toThrow("reset");
});
