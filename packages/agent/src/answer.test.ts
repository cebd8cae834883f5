import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { AnswerError, readAnswer } from "./answer.ts";
import type { Answer } from "./types.ts";

async function read(returned: unknown, maxBytes = 1000, signal?: AbortSignal) {
  const pieces: string[] = [];
  const sink = { text: (piece: string) => void pieces.push(piece), maxBytes, ...(signal === undefined ? {} : { signal }) };
  const result = await readAnswer(returned as Answer, sink);
  return { pieces, ...result };
}

describe("what an agent may return", () => {
  test("a string is one piece", async () => {
    expect(await read("hello")).toEqual({ pieces: ["hello"], characters: 5, tokens: null, toolCalls: 0, messages: null });
  });

  test("a part gives text, figures and messages", async () => {
    const messages = [{ role: "assistant", content: "x", extra: 1 }];
    expect(await read({ text: "x", usage: { tokens: 1.2, toolCalls: 2 }, messages })).toEqual({
      pieces: ["x"],
      characters: 1,
      tokens: 2,
      toolCalls: 2,
      messages: [{ role: "assistant", content: "x" }],
    });
  });

  test("any split of a text into pieces gives the same text, from generators, async generators and streams", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.string()), async (parts) => {
        const text = parts.join("");
        function* generator() {
          yield* parts;
        }
        async function* asyncGenerator() {
          yield* parts;
        }
        const stream = new ReadableStream({
          start(controller) {
            for (const part of parts) controller.enqueue(part);
            controller.close();
          },
        });
        for (const returned of [generator(), asyncGenerator(), stream, Promise.resolve(asyncGenerator())])
          expect((await read(returned, 1e6)).pieces.join("")).toBe(text);
      }),
    );
  });

  test("figures of later pieces replace earlier ones, one by one", async () => {
    async function* agent() {
      yield { usage: { tokens: 1, toolCalls: 1 } };
      yield { text: "a", usage: { tokens: 5 } };
      return { usage: { toolCalls: 7 } };
    }
    expect(await read(agent())).toMatchObject({ pieces: ["a"], tokens: 5, toolCalls: 7 });
  });

  test("bytes are text in UTF-8, also when a character is split", async () => {
    const bytes = new TextEncoder().encode("grüße");
    async function* agent() {
      yield bytes.subarray(0, 3);
      yield bytes.subarray(3);
    }
    expect((await read(agent())).pieces.join("")).toBe("grüße");
  });

  test.each([[undefined], [null], [42], [{}], [{ texts: "x" }], [["a"]], [() => "x"]])("%j is refused by name", async (value) => {
    await expect(read(value)).rejects.toThrow(AnswerError);
  });

  test.each([
    [{ text: 5 }],
    [{ usage: { tokens: -1 } }],
    [{ usage: { tokens: Number.NaN } }],
    [{ usage: { toolCalls: "3" } }],
    [{ messages: [{ role: "robot", content: "x" }] }],
    [{ messages: "x" }],
  ])("%j has a field that is refused", async (value) => {
    await expect(read(value)).rejects.toThrow(AnswerError);
  });
});

describe("bounds", () => {
  test("text is counted in bytes of UTF-8, up to the bound and not beyond", async () => {
    expect((await read("ü".repeat(500), 1000)).characters).toBe(500);
    await expect(read("ü".repeat(501), 1000)).rejects.toThrow(/larger than 1000 bytes/);
  });

  test("messages count as output too", async () => {
    await expect(read({ text: "x".repeat(600), messages: [{ role: "assistant", content: "x".repeat(600) }] })).rejects.toThrow(AnswerError);
  });

  test("an endless agent is closed when the bound is reached", async () => {
    let closed = false;
    async function* agent() {
      try {
        while (true) yield "x".repeat(100);
      } finally {
        closed = true;
      }
    }
    await expect(read(agent())).rejects.toThrow(AnswerError);
    expect(closed).toBe(true);
  });
});

describe("stopping", () => {
  test("an abort ends the reading with its reason, even while the agent waits for ever, and closes the agent", async () => {
    const stop = new AbortController();
    let cancelled: unknown = null;
    const stream = new ReadableStream({
      start: (controller) => controller.enqueue("first"),
      cancel: (reason) => {
        cancelled = reason ?? "cancelled";
      },
    });
    const reading = read(stream, 1000, stop.signal);
    stop.abort(new Error("enough"));
    await expect(reading).rejects.toThrow("enough");
    expect(cancelled).not.toBeNull();
  });

  test("an error of the agent comes out as it is", async () => {
    const error = new RangeError("mine");
    await expect(
      read(
        (async function* () {
          yield "a";
          throw error;
        })(),
      ),
    ).rejects.toBe(error);
  });

  test("a slow reader holds the agent back", async () => {
    let made = 0;
    async function* agent() {
      for (; made < 100; made += 1) yield "x";
    }
    let release: (() => void) | undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    const reading = readAnswer(agent(), { text: () => held, maxBytes: 1000 });
    await new Promise((resolve) => setImmediate(resolve));
    expect(made).toBe(0);
    release?.();
    expect((await reading).characters).toBe(100);
  });
});
