import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatEvent } from "../../event-stream.ts";
import { joinChunks } from "./stream-reader.ts";
import type { EventChunk } from "./stream-store.ts";

const frames = (texts: readonly string[]): string[] => texts.map((text, index) => formatEvent(index + 1, "delta", { text }));
const chunkOf = (all: readonly string[], from: number, to: number): EventChunk => ({ lastEventId: to, text: all.slice(from, to).join("") });

describe("events from the store", () => {
  it("are the very bytes after any event, however they were cut into rows", () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: "binary" }), { minLength: 1, maxLength: 30 }),
        fc.infiniteStream(fc.nat(5)),
        fc.nat(30),
        (texts, sizes, skip) => {
          const all = frames(texts);
          const after = skip % (all.length + 1);
          const chunks: EventChunk[] = [];
          for (let from = 0; from < all.length;) {
            const to = Math.min(all.length, from + 1 + (sizes.next().value ?? 0));
            chunks.push(chunkOf(all, from, to));
            from = to;
          }
          const beyond = chunks.filter(({ lastEventId }) => lastEventId > after);
          expect(joinChunks(after, beyond)).toEqual({ text: all.slice(after).join(""), lastEventId: all.length });
        },
      ),
    );
  });

  it("that were written twice, in other groups, are sent once", () => {
    const all = frames(["a", "b", "c", "d", "e"]);
    expect(joinChunks(0, [chunkOf(all, 0, 2), chunkOf(all, 0, 3), chunkOf(all, 1, 4), chunkOf(all, 4, 5)])).toEqual({
      text: all.join(""),
      lastEventId: 5,
    });
  });

  it("stop before a gap", () => {
    const all = frames(["a", "b", "c", "d"]);
    expect(joinChunks(0, [chunkOf(all, 0, 2), chunkOf(all, 3, 4)])).toEqual({ text: all.slice(0, 2).join(""), lastEventId: 2 });
    expect(joinChunks(1, [chunkOf(all, 3, 4)])).toEqual({ text: "", lastEventId: 1 });
  });
});
