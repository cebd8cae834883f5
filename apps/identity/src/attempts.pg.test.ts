import { migrate } from "@whs/platform/db";
import { createTestDatabase, type TestDatabase } from "@whs/platform/testing";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createAttempts, type Attempts } from "./attempts.ts";

const MIGRATIONS = fileURLToPath(new URL("../migrations/", import.meta.url));
let database: TestDatabase;
let pool: pg.Pool;
let attempts: Attempts;

beforeAll(async () => {
  database = await createTestDatabase({ migrations: [MIGRATIONS], prepare: (url) => migrate(url, "identity", MIGRATIONS) });
  pool = new pg.Pool({ connectionString: database.url });
  attempts = createAttempts(pool);
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});

async function endWindow(key: string): Promise<void> {
  await pool.query("UPDATE identity.attempts SET window_ends = now() - interval '1 second' WHERE key = $1", [key]);
}

test("exactly the limit is allowed, however many come at the same time", async () => {
  const verdicts = await Promise.all(Array.from({ length: 50 }, () => attempts.consume("crowd", { max: 7, windowSeconds: 60 })));
  expect(verdicts.filter(({ allowed }) => allowed)).toHaveLength(7);
});

test("keys do not share a limit", async () => {
  const limit = { max: 1, windowSeconds: 60 };
  expect(await attempts.consume("one", limit)).toMatchObject({ allowed: true });
  expect(await attempts.consume("one", limit)).toMatchObject({ allowed: false });
  expect(await attempts.consume("other", limit)).toMatchObject({ allowed: true });
});

test("a new window starts when the old one is over", async () => {
  const limit = { max: 1, windowSeconds: 60 };
  await attempts.consume("window", limit);
  const refused = await attempts.consume("window", limit);
  expect(refused.allowed).toBe(false);
  expect(refused.retryAfter).toBeGreaterThan(0);
  expect(refused.retryAfter).toBeLessThanOrEqual(60);
  await endWindow("window");
  expect(await attempts.consume("window", limit)).toEqual({ allowed: true, retryAfter: 60 });
});

test("forgotten attempts do not count any more", async () => {
  const limit = { max: 1, windowSeconds: 60 };
  await attempts.consume("forgiven", limit);
  await attempts.forget(["forgiven"]);
  expect(await attempts.consume("forgiven", limit)).toMatchObject({ allowed: true });
});

test("pruning drops what is over and keeps what still counts", async () => {
  const limit = { max: 1, windowSeconds: 60 };
  await attempts.consume("over", limit);
  await attempts.consume("counting", limit);
  await endWindow("over");
  await attempts.prune();
  const { rows } = await pool.query("SELECT key FROM identity.attempts WHERE key IN ('over', 'counting')");
  expect(rows).toEqual([{ key: "counting" }]);
});
