import { describe, expect, test } from "vitest";
import fc from "fast-check";
import type { AnswerPiece } from "./types.ts";
import { eventStreamPieces, linePieces } from "./wire.ts";

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
