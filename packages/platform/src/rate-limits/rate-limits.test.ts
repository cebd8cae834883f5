import { expect, test } from "vitest";
import { createRateLimits } from "./create.ts";
import { rateLimited, rateSetting } from "./index.ts";
import { createMemoryStore } from "./memory-store.ts";
import type { RateStore } from "./port.ts";

const rule = { limit: 4, windowSeconds: 2 };
const silent = { warn: () => undefined };

test("what is known to be used up does not ask the store, until its window ends", async () => {
  let now = 0;
  let asked = 0;
  const memory = createMemoryStore({ nowMs: () => now });
  const store: RateStore = {
    add: (...args) => {
      asked += 1;
      return memory.add(...args);
    },
    close: () => memory.close(),
  };
  const limits = createRateLimits({ store, log: silent, nowMs: () => now });
  await limits.consume("s", "k", rule, 4);
  for (let index = 0; index < 10; index++)
    expect(await limits.consume("s", "k", rule)).toEqual({ allowed: false, limit: 4, remaining: 0, resetSeconds: 2 });
  expect(asked).toBe(1);
  now += 2_000;
  expect(limits.knownRefusal("s", "k", rule)).toBeUndefined();
  expect(await limits.consume("s", "k", rule)).toEqual({ allowed: true, limit: 4, remaining: 3, resetSeconds: 2 });
  expect(asked).toBe(2);
});

test("a store that fails is left alone for a second, then tried by one request at a time", async () => {
  let now = 0;
  let asked = 0;
  let broken = true;
  const memory = createMemoryStore();
  const store: RateStore = {
    add: (...args) => {
      asked += 1;
      return broken ? Promise.reject(new Error("gone")) : memory.add(...args);
    },
    close: () => memory.close(),
  };
  const limits = createRateLimits({ store, log: silent, nowMs: () => now });
  const consume = (key: string) => limits.consume("s", key, rule);
  await consume("a");
  await Promise.all([consume("b"), consume("c")]);
  expect(asked).toBe(1);
  now += 1_000;
  await Promise.all([consume("d"), consume("e"), consume("f")]);
  expect(asked).toBe(2);
  broken = false;
  now += 1_000;
  await consume("g");
  expect(limits.degraded).toBe(false);
  await consume("h");
  expect(asked).toBe(4);
});

test("a part of the limit is at least one", async () => {
  const store: RateStore = { add: () => Promise.reject(new Error("gone")), close: () => Promise.resolve() };
  const limits = createRateLimits({ store, log: silent, processes: () => 9 });
  expect(await limits.consume("s", "k", rule)).toMatchObject({ allowed: true, limit: 1 });
  expect(await limits.consume("s", "k", rule)).toMatchObject({ allowed: false });
});

test("a refusal answers 429 with the headers that say when to come back", () => {
  const error = rateLimited({ allowed: false, limit: 4, remaining: 0, resetSeconds: 7 });
  expect(error).toMatchObject({ code: "RATE_LIMITED", status: 429, retryable: true });
  expect(error.headers).toEqual({ "ratelimit-limit": "4", "ratelimit-remaining": "0", "ratelimit-reset": "7", "retry-after": "7" });
});

test.each([
  ["600/minute", { limit: 600, windowSeconds: 60 }],
  ["5/second", { limit: 5, windowSeconds: 1 }],
  ["1/hour", { limit: 1, windowSeconds: 3600 }],
  ["off", undefined],
  [undefined, { limit: 2, windowSeconds: 60 }],
])("the setting %s is understood", (text, expected) => {
  expect(rateSetting("2/minute").parse(text)).toEqual(expected);
});

test.each(["", "0/minute", "-1/minute", "1/day", "1.5/minute", "many", "10 / minute", "1e3/minute"])(
  "the setting %j is refused",
  (text) => {
    expect(() => rateSetting("off").parse(text)).toThrow(/600\/minute/);
  },
);
