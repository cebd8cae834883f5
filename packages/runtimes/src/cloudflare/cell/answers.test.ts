import fc from "fast-check";
import { expect, test } from "vitest";
import { checkFigures, decodeFigures, decodeUsage, encodeFigures, encodeUsage, estimateTokens, type ShimFigures } from "./answers.ts";

const count = fc.integer({ min: 0, max: 1e12 });

test("figures come back as they were written", () => {
  fc.assert(
    fc.property(fc.record({ tokens: fc.option(count), toolCalls: count, characters: count, stored: fc.boolean() }), (figures) => {
      expect(decodeFigures(encodeFigures(figures))).toEqual(figures);
    }),
  );
  fc.assert(
    fc.property(
      fc.record({ tokens: count, tokensEstimated: fc.boolean(), computeMs: count, toolCalls: count, stored: fc.boolean() }),
      (usage) => {
        expect(decodeUsage(encodeUsage(usage))).toEqual(usage);
      },
    ),
  );
});

test("no text of an agent's making gives figures that are no counts", () => {
  const hostile = fc.oneof(
    fc.string(),
    fc
      .array(fc.oneof(fc.constantFrom("-", "-1", "NaN", "1e99", "", " 1", "0x1"), fc.double().map(String)), { minLength: 3, maxLength: 5 })
      .map((parts) => parts.join(";")),
  );
  fc.assert(
    fc.property(hostile, (text) => {
      const figures = decodeFigures(text);
      if (figures === null) return;
      for (const value of [figures.tokens ?? 0, figures.toolCalls, figures.characters])
        expect(Number.isInteger(value) && value >= 0 && value <= 1e12).toBe(true);
    }),
  );
});

test("figures in a frame are checked like those in a header", () => {
  const lies = [{ tokens: -1 }, { toolCalls: Number.POSITIVE_INFINITY }, { characters: "5" }, { stored: 1 }, { tokens: undefined }];
  for (const lie of lies)
    expect(checkFigures({ tokens: 1, toolCalls: 0, characters: 0, stored: false, ...lie } as unknown as ShimFigures)).toBeNull();
});

test("tokens are estimated as a quarter of all characters, rounded up", () => {
  expect([estimateTokens(0, 0), estimateTokens(1, 0), estimateTokens(4, 4), estimateTokens(4, 5)]).toEqual([0, 1, 2, 3]);
});
