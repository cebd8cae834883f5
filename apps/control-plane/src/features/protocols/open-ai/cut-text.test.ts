import fc from "fast-check";
import { expect, test } from "vitest";
import { createTextCut } from "./cut-text.ts";

/** Where the whole text ends, said in the plainest way. */
function cutWhole(text: string, stop: readonly string[], maxTokens: number | undefined): { text: string; reason: "stop" | "length" } {
  const upTo = Array.from(text, (_, index) => text.slice(0, index + 1)).find((start) => stop.some((word) => start.endsWith(word)));
  const longest = Math.max(0, ...stop.filter((word) => upTo?.endsWith(word) === true).map((word) => word.length));
  const stopped = upTo === undefined ? text : upTo.slice(0, upTo.length - longest);
  const most = maxTokens === undefined ? Number.POSITIVE_INFINITY : maxTokens * 4;
  return stopped.length <= most ? { text: stopped, reason: "stop" } : { text: stopped.slice(0, most), reason: "length" };
}

const letters = fc.array(fc.constantFrom("a", "b", "c"), { maxLength: 30 }).map((list) => list.join(""));
const word = fc.array(fc.constantFrom("a", "b", "c"), { minLength: 1, maxLength: 4 }).map((list) => list.join(""));
const stops = fc.array(word, { maxLength: 4 });
const most = fc.option(fc.integer({ min: 1, max: 8 }), { nil: undefined });

test("of two stop texts the one that is complete first counts", () => {
  const cut = createTextCut({ stop: ["bca", "c"], maxTokens: undefined });
  expect([cut.take("bc"), cut.take("a"), cut.rest()].join("")).toBe("b");
});

test("a text ends at the same place, however it is cut into pieces", () => {
  fc.assert(
    fc.property(fc.array(letters, { maxLength: 8 }), stops, most, (pieces, stop, maxTokens) => {
      const cut = createTextCut({ stop, maxTokens });
      const shown = pieces.map((piece) => cut.take(piece)).join("") + cut.rest();
      expect({ text: shown, reason: cut.reason }).toEqual(cutWhole(pieces.join(""), stop, maxTokens));
    }),
    { numRuns: 1_000 },
  );
});

test("what cannot begin a stop text is shown at once", () => {
  const cut = createTextCut({ stop: ["END"], maxTokens: undefined });
  expect(cut.take("hello E")).toBe("hello");
  expect(cut.take("N")).toBe(" ");
  expect(cut.take("ough")).toBe("ENou");
  expect(cut.rest()).toBe("gh");
});

test("no pair of surrogates is cut in two", () => {
  const cut = createTextCut({ stop: [], maxTokens: 1 });
  expect(cut.take("abc\u{1F600}") + cut.rest()).toBe("abc");
  expect(cut.reason).toBe("length");
});
