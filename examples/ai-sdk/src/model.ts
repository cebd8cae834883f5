import { simulateReadableStream } from "ai";
import { MockLanguageModelV4 } from "ai/test";

const PAUSE_MS = 20;

/** A model that needs no key and no network: it repeats, word by word, what it was asked last. */
export const model = new MockLanguageModelV4({
  doStream: async ({ prompt }) => {
    const last = prompt.findLast(({ role }) => role === "user")?.content ?? "";
    const question = typeof last === "string" ? last : last.map((part) => (part.type === "text" ? part.text : "")).join("");
    const words = `You asked: ${question}`.match(/\S+\s*/g) ?? [];
    return {
      stream: simulateReadableStream({
        initialDelayInMs: PAUSE_MS,
        chunkDelayInMs: PAUSE_MS,
        chunks: [
          { type: "text-start" as const, id: "1" },
          ...words.map((delta) => ({ type: "text-delta" as const, id: "1", delta })),
          { type: "text-end" as const, id: "1" },
          { type: "finish" as const, finishReason: { unified: "stop" as const, raw: undefined }, usage: usageOf(words.length) },
        ],
      }),
    };
  },
});

function usageOf(tokens: number) {
  return {
    inputTokens: { total: tokens, noCache: tokens, cacheRead: 0, cacheWrite: 0 },
    outputTokens: { total: tokens, text: tokens, reasoning: 0 },
  };
}
