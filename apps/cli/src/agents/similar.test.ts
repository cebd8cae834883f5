import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { editDistance, mostSimilar } from "./similar.ts";

const word = fc.string({ maxLength: 12 });

describe("editDistance", () => {
  test.each([
    ["", "", 0],
    ["", "abc", 3],
    ["echo", "echo", 0],
    ["ehco", "echo", 1],
    ["kitten", "sitting", 3],
  ])("of %j and %j is %i", (from, to, distance) => {
    expect(editDistance(from, to)).toBe(distance);
  });

  test("is the same both ways, and nothing only for equal words", () => {
    fc.assert(
      fc.property(word, word, (a, b) => {
        expect(editDistance(a, b)).toBe(editDistance(b, a));
        expect(editDistance(a, b) === 0).toBe(a === b);
      }),
    );
  });

  test("grows by no more than one letter with one letter more", () => {
    fc.assert(
      fc.property(word, word, (a, b) => {
        expect(Math.abs(editDistance(`${a}x`, b) - editDistance(a, b))).toBeLessThanOrEqual(1);
      }),
    );
  });
});

describe("mostSimilar", () => {
  test("takes the nearest, whatever its case", () => {
    expect(mostSimilar("Support-Bto", ["echo", "support-bot", "support-box"])).toBe("support-bot");
  });

  test("takes none when all are far", () => {
    expect(mostSimilar("writer", ["echo", "counter"])).toBeUndefined();
  });
});
