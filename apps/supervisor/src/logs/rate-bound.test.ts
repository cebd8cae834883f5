import { expect, test } from "vitest";
import { RateBound } from "./rate-bound.ts";

test("ten seconds' worth pass at once, then so many a second, and what is refused is counted once", () => {
  const bound = new RateBound(5, 0);
  const take = (times: number, at: number) => Array.from({ length: times }, () => bound.take(at)).filter(Boolean).length;
  expect(take(100, 0)).toBe(50);
  expect(bound.takeRefused()).toBe(50);
  expect(bound.takeRefused()).toBe(0);
  expect(take(100, 1000)).toBe(5);
  expect(take(1000, 1_000_000)).toBe(50);
});
