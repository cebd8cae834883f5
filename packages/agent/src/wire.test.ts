import { describe, expect, test } from "vitest";
import fc from "fast-check";
import type { AnswerPiece } from "./types.ts";
import { eventStreamPieces, linePieces, textUpTo, wholeText } from "./wire.ts";

/** The text as a body that arrives in chunks of these sizes, in bytes. */
function body(text: string, sizes: readonly number[] = [1e9]): ReadableStream<Uint8Array<ArrayBuffer>> {
  const bytes = new TextEncoder().encode(text);
  let offset = 0;
  let turn = 0;
  return new ReadableStream({
    pull(controller) {
      if (offset >= bytes.length) return controller.close();
      const size = sizes[turn % sizes.length] ?? 1;
      controller.enqueue(bytes.slice(offset, offset + size));
      offset += size;
      turn += 1;
    },
  });
}

async function all(pieces: AsyncIterable<AnswerPiece>): Promise<AnswerPiece[]> {
  const list: AnswerPiece[] = [];
  for await (const piece of pieces) list.push(piece);
  return list;
}

describe("server-sent events", () => {
  test("invoke/v1's own events are pieces, and the rest of them is not", async () => {
    const text =
      'event: meta\ndata: {"traceId":"x"}\n\nevent: delta\nid: 2\ndata: {"text":"a"}\n\n: heartbeat\n\nevent: usage\ndata: {"tokens":3}\n\nevent: done\ndata: {}\n\n';
    expect(await all(eventStreamPieces(body(text)))).toEqual([{ text: "a" }, { usage: { tokens: 3 } }]);
  });

  test("unnamed events are text, JSON text or JSON parts", async () => {
    const text = 'data: plain\n\ndata: "quoted"\n\ndata: {"text":"part"}\n\ndata: {broken\n\ndata: two\ndata: lines\n\ndata: [DONE]\n\n';
    expect(await all(eventStreamPieces(body(text)))).toEqual(["plain", "quoted", { text: "part" }, "{broken", "two\nlines"]);
  });

  test("an error event is an error with its message", async () => {
    await expect(all(eventStreamPieces(body('event: error\ndata: {"error":{"message":"no more"}}\n\n')))).rejects.toThrow("no more");
  });

  test("however the bytes are split, the events are the same", async () => {
    const text = 'data: grüße 👋\r\n\r\nevent: delta\r\ndata: {"text":"ü"}\r\n\r\n';
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 5 }), async (sizes) => {
        expect(await all(eventStreamPieces(body(text, sizes)))).toEqual(["grüße 👋", { text: "ü" }]);
      }),
    );
  });
});

test("lines of JSON are pieces, and empty lines are nothing", async () => {
  expect(await all(linePieces(body('"a"\n\n{"text":"b"}\n{"usage":{"tokens":1}}')))).toEqual([
    "a",
    { text: "b" },
    { usage: { tokens: 1 } },
  ]);
});

describe("a body without end", () => {
  /** Gives the piece again and again, and tells how often it was asked. */
  function endless(piece: string): { stream: ReadableStream<Uint8Array<ArrayBuffer>>; given: () => number; isCancelled: () => boolean } {
    const bytes = new TextEncoder().encode(piece.repeat(Math.ceil(65_536 / piece.length)));
    let given = 0;
    let cancelled = false;
    const stream = new ReadableStream<Uint8Array<ArrayBuffer>>({
      pull(controller) {
        given += bytes.length;
        // Enough for any reader that does not stop to be told apart from one that does.
        if (given > 64 * 1024 * 1024) controller.close();
        else controller.enqueue(bytes);
      },
      cancel() {
        cancelled = true;
      },
    });
    return { stream, given: () => given, isCancelled: () => cancelled };
  }

  test.each([
    ["as one line of events", "data: x", (stream: ReadableStream<Uint8Array>) => all(eventStreamPieces(stream))],
    ["as one event of many lines", `data: ${"x".repeat(1000)}\n`, (stream: ReadableStream<Uint8Array>) => all(eventStreamPieces(stream))],
    ["as one line of JSON", '"x', (stream: ReadableStream<Uint8Array>) => all(linePieces(stream))],
    ["as a whole", " ", wholeText],
  ])("is given up, %s, when it is longer than any output", async (_name, piece, read) => {
    const source = endless(piece);
    await expect(read(source.stream)).rejects.toThrow("The agent's output has more than 16777216 characters");
    expect(source.isCancelled()).toBe(true);
    expect(source.given()).toBeLessThan(20 * 1024 * 1024);
  });

  test("of which the beginning is wanted is not read further", async () => {
    const source = endless("abc");
    expect(await textUpTo(source.stream, 4)).toBe("abca");
    expect(source.isCancelled()).toBe(true);
    expect(source.given()).toBeLessThan(1024 * 1024);
  });
});
