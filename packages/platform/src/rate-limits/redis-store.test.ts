import { type RedisServer, startRedisServer } from "@whs/platform/testing";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { openRateLimits } from "./index.ts";
import type { RateLimits } from "./port.ts";
import { testSharedLimits } from "./testing/shared-limits.ts";
import { unreachableDatabase } from "./testing/unreachable-database.ts";

let server: RedisServer;
beforeAll(async () => {
  server = await startRedisServer();
});
afterAll(() => server.close());

const warnings: string[] = [];
async function open(options: { processes?: () => number; onStoreFailure?: () => void } = {}): Promise<RateLimits> {
  const limits = await openRateLimits({
    redisUrl: server.url,
    kysely: unreachableDatabase(),
    table: "public.rate_limits",
    log: { warn: (_fields, message) => void warnings.push(message) },
    ...options,
  });
  onTestFinished(() => limits.close());
  return limits;
}

describe("limits that processes share over Redis or Valkey", () => {
  testSharedLimits({ open, endWindows: () => server.flush() });
});

test("a server that is killed leaves each process with its part of the limit, until it is back", async () => {
  warnings.length = 0;
  const failed = vi.fn<() => void>();
  const limits = await open({ processes: () => 2, onStoreFailure: failed });
  const rule = { limit: 10, windowSeconds: 3600 };
  expect(await limits.consume("outage", "before", rule)).toMatchObject({ allowed: true, limit: 10 });
  await server.kill();
  const decisions = [];
  for (let index = 0; index < 8; index++) decisions.push(await limits.consume("outage", "during", rule));
  expect(decisions.map(({ allowed, limit }) => ({ allowed, limit }))).toEqual([
    ...Array.from({ length: 5 }, () => ({ allowed: true, limit: 5 })),
    ...Array.from({ length: 3 }, () => expect.objectContaining({ allowed: false })),
  ]);
  expect(limits.degraded).toBe(true);
  expect(failed).toHaveBeenCalled();
  expect(warnings.filter((message) => message.startsWith("The store of rate limits cannot be reached"))).toHaveLength(1);
  await server.restart();
  let turn = 0;
  await vi.waitFor(
    async () => {
      turn += 1;
      await limits.consume("outage", `after-${turn}`, rule);
      expect(limits.degraded).toBe(false);
    },
    { timeout: 30_000, interval: 100 },
  );
  expect(warnings.at(-1)).toContain("limits are shared again");
});

test("a process starts also while its server cannot be reached", async () => {
  const limits = await openRateLimits({
    redisUrl: "redis://127.0.0.1:1",
    kysely: unreachableDatabase(),
    table: "public.rate_limits",
    log: { warn: () => undefined },
  });
  onTestFinished(() => limits.close());
  expect(await limits.consume("start", "one", { limit: 3, windowSeconds: 60 })).toMatchObject({ allowed: true, limit: 3, remaining: 2 });
  expect(limits.degraded).toBe(true);
});
