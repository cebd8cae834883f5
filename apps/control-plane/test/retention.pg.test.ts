import { createLogger } from "@whs/platform/log";
import { type Database, migrate, openDatabase } from "@whs/platform/db";
import { newId } from "@whs/platform/ids";
import { createTestDatabase, type TestDatabase } from "@whs/platform/testing";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { SystemContext } from "../src/context.ts";
import type { Schema } from "../src/database.ts";
import { deleteExpired } from "../src/features/retention/index.ts";
import { readTiers } from "../src/tiers.ts";

const migrations = path.resolve(import.meta.dirname, "../migrations");
const log = createLogger({ name: "test", level: "silent" });

let test: TestDatabase;
let database: Database<Schema>;
let context: SystemContext;
beforeAll(async () => {
  test = await createTestDatabase({ migrations: [migrations], prepare: (url) => migrate(url, "whs", migrations) });
  database = openDatabase<Schema>({ url: test.url, applicationName: "test", log });
  const { tiers } = await readTiers(path.resolve(import.meta.dirname, "../../../config/tiers.yaml"));
  context = { db: database.kysely, tiers, log, now: () => new Date() } as SystemContext;
});
afterAll(async () => {
  await database.close();
  await test.drop();
});

const daysAgo = (days: number): string => new Date(Date.now() - days * 86_400_000).toISOString().slice(0, 10);

/** An owner with one record of each kind for each age. */
async function seed(tier: string, ages: readonly number[]): Promise<{ userId: string; agentId: string }> {
  const [userId, agentId] = [newId("usr"), newId("agt")];
  const { pool } = database;
  await pool.query("insert into whs.users (id, external_id, subscription_tier) values ($1, $1, $2)", [userId, tier]);
  await pool.query(
    `insert into whs.agents (id, user_id, name, runtime_provider, provider_config) values ($1, $2, 'kept', 'cloudflare', '{"cloudflare":{},"agentcore":null}')`,
    [agentId, userId],
  );
  for (const age of ages) {
    const day = daysAgo(age);
    await pool.query("select whs.ensure_partitions($1::date, 1)", [day]);
    await pool.query(
      `insert into whs.invocations (day, id, user_id, agent_id, deployment_id, runtime_provider, trace_id, started_at, duration_ms, status_code) values ($1::date, $2, $3, $4, 'dep_x', 'cloudflare', 'trace', $1::date, 1, 200)`,
      [day, newId("evt"), userId, agentId],
    );
    await pool.query(
      `insert into whs.metrics_events (day, event_id, user_id, agent_id, deployment_id, runtime_provider, trace_id, at, requests, llm_tokens, tokens_estimated, compute_ms, tool_calls, platform_tool_calls, code_execution_seconds, browser_sessions, errors, provider, cost_usd_estimated)
       values ($1::date, $2, $3, $4, 'dep_x', 'cloudflare', 'trace', $1::date, 1, 1, false, 1, 0, 0, 0, 0, 0, '{}', 0)`,
      [day, newId("evt"), userId, agentId],
    );
    await pool.query(
      `insert into whs.agent_log_lines (day, id, deployment_id, agent_id, at, source, level, message) values ($1::date, $2, 'dep_x', $3, $1::date, 'agent', 'info', 'x')`,
      [day, newId("lin"), agentId],
    );
  }
  return { userId, agentId };
}

const agesLeft = async (table: string, column: string, id: string): Promise<number[]> => {
  const { rows } = await database.pool.query<{ age: number }>(
    `select (now() at time zone 'utc')::date - day as age from whs.${table} where ${column} = $1 order by age`,
    [id],
  );
  return rows.map((row) => row.age);
};

describe("retention", () => {
  it("keeps each plan's rows for its own days, and drops what no plan keeps", async () => {
    const ages = [0, 6, 7, 8, 13, 15, 31, 89, 90, 92];
    const owners = { free: await seed("free", ages), starter: await seed("starter", ages), enterprise: await seed("enterprise", ages) };
    const kept = { free: [0, 6, 7], starter: [0, 6, 7, 8, 13], enterprise: [0, 6, 7, 8, 13, 15, 31, 89, 90] };
    const { partitions } = await deleteExpired(context);
    expect(partitions).toBeGreaterThanOrEqual(3);
    for (const [tier, { userId, agentId }] of Object.entries(owners)) {
      const expected = kept[tier as keyof typeof kept];
      expect(await agesLeft("invocations", "user_id", userId)).toEqual(expected);
      expect(await agesLeft("metrics_events", "user_id", userId)).toEqual(expected);
      expect(await agesLeft("agent_log_lines", "agent_id", agentId)).toEqual(expected);
    }
    expect(await deleteExpired(context)).toEqual({ rows: 0, partitions: 0 });
  });

  it("keeps aggregates for thirteen months, though their events are gone", async () => {
    const { userId, agentId } = await seed("free", [8]);
    const { pool } = database;
    const monthsAgo = (months: number): Date => new Date(Date.UTC(new Date().getUTCFullYear(), new Date().getUTCMonth() - months, 1));
    for (const months of [0, 12, 15]) {
      await pool.query("insert into whs.usage_counters (user_id, period, runtime_provider) values ($1, $2, 'cloudflare')", [
        userId,
        monthsAgo(months).toISOString().slice(0, 7),
      ]);
      await pool.query(
        "insert into whs.usage_hourly (agent_id, deployment_id, runtime_provider, hour) values ($1, 'dep_x', 'cloudflare', $2)",
        [agentId, monthsAgo(months)],
      );
    }
    await deleteExpired(context);
    expect((await pool.query("select 1 from whs.usage_counters where user_id = $1", [userId])).rowCount).toBe(2);
    expect((await pool.query("select 1 from whs.usage_hourly where agent_id = $1", [agentId])).rowCount).toBe(2);
  });
});
