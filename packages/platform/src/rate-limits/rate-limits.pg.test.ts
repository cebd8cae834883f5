import { createLogger } from "@whs/platform/log";
import { openDatabase } from "@whs/platform/db";
import { createTestDatabase, type TestDatabase } from "@whs/platform/testing";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { openRateLimits } from "./index.ts";
import type { RateLimits } from "./port.ts";
import { testSharedLimits } from "./testing/shared-limits.ts";

const log = createLogger({ name: "test", level: "silent" });

let database: TestDatabase;
let pool: pg.Pool;
beforeAll(async () => {
  database = await createTestDatabase();
  pool = new pg.Pool({ connectionString: database.url, max: 1 });
  await pool.query(
    "create unlogged table public.rate_limits (key text primary key, points bigint not null, expires_at timestamptz not null)",
  );
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});

async function open(processes = () => 1): Promise<RateLimits> {
  const opened = openDatabase({ url: database.url, applicationName: "rate limits", maxConnections: 2, log });
  const limits = await openRateLimits({ redisUrl: undefined, kysely: opened.kysely, table: "public.rate_limits", log, processes });
  onTestFinished(async () => {
    await limits.close();
    await opened.close();
  });
  return limits;
}

describe("limits that processes share over PostgreSQL", () => {
  testSharedLimits({
    open: () => open(),
    endWindows: async () => void (await pool.query("update public.rate_limits set expires_at = now()")),
  });
});

test("the table holds neither ids nor addresses", async () => {
  const limits = await open();
  await limits.consume("failures", "203.0.113.7", { limit: 5, windowSeconds: 60 });
  const { rows } = await pool.query<{ row: string }>("select r::text as row from public.rate_limits r where key like 'failures:%'");
  expect(rows).toHaveLength(1);
  expect(rows[0]?.row).not.toContain("203.0.113.7");
});

test("keys that come in any order from many processes at once are all counted", async () => {
  const processes = await Promise.all([open(), open(), open()]);
  const keys = Array.from({ length: 40 }, (_, index) => `key-${index}`);
  const rule = { limit: 1_000, windowSeconds: 60 };
  await Promise.all(
    processes.flatMap((limits, index) =>
      (index % 2 === 0 ? keys : keys.toReversed()).flatMap((key) => [
        limits.consume("order", key, rule),
        limits.consume("order", key, rule),
      ]),
    ),
  );
  for (const key of keys) expect((await processes[0]?.consume("order", key, rule))?.remaining).toBe(1_000 - 7);
});

test("a database that does not answer leaves each process with its part of the limit, until it does again", async () => {
  const limits = await open(() => 3);
  const rule = { limit: 9, windowSeconds: 3600 };
  expect(await limits.consume("outage", "one", rule)).toMatchObject({ allowed: true, limit: 9 });
  await pool.query("alter table public.rate_limits rename to elsewhere");
  try {
    const allowed = [];
    for (let index = 0; index < 5; index++) allowed.push((await limits.consume("outage", "two", rule)).allowed);
    expect(allowed).toEqual([true, true, true, false, false]);
    expect(limits.degraded).toBe(true);
  } finally {
    await pool.query("alter table public.elsewhere rename to rate_limits");
  }
  let turn = 0;
  await vi.waitFor(
    async () => {
      turn += 1;
      await limits.consume("outage", `after-${turn}`, rule);
      expect(limits.degraded).toBe(false);
    },
    { timeout: 30_000, interval: 100 },
  );
  expect(await limits.consume("outage", "one", rule)).toMatchObject({ allowed: true, remaining: 7 });
});
