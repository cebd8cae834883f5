import fc from "fast-check";
import { expect, test } from "vitest";
import { defaultCloudflarePrices, estimateCloudflareCost } from "./cost.ts";

const figures = fc.record({ requests: fc.nat(1e6), tokens: fc.nat(1e9), computeMs: fc.nat(1e9) });

test("the cost never falls when a figure rises, is never negative, and has at most nine decimals", () => {
  fc.assert(
    fc.property(figures, fc.constantFrom("requests", "tokens", "computeMs"), fc.nat(1e6), (usage, name, more) => {
      const before = estimateCloudflareCost(usage, defaultCloudflarePrices);
      expect(before).toBeGreaterThanOrEqual(0);
      expect(estimateCloudflareCost({ ...usage, [name]: usage[name] + more }, defaultCloudflarePrices)).toBeGreaterThanOrEqual(before);
      expect(Number(before.toFixed(9))).toBe(before);
    }),
  );
});

test("a million requests and a million milliseconds cost what the price list says", () => {
  expect(estimateCloudflareCost({ requests: 1e6, tokens: 0, computeMs: 0 }, defaultCloudflarePrices)).toBe(0.3);
  expect(estimateCloudflareCost({ requests: 0, tokens: 0, computeMs: 1e6 }, defaultCloudflarePrices)).toBe(0.02);
});
