import type { OperatorStats } from "@whs/api";
import { createLogger } from "@whs/platform/log";
import { createIds, newId } from "@whs/platform/ids";
import { type Database, migrate, openDatabase } from "@whs/platform/db";
import { createTestDatabase, type TestDatabase } from "@whs/platform/testing";
import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { afterAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import type { SystemContext } from "../src/context.ts";
import type { FinishedPass, Schema, UsageSums } from "../src/database.ts";
import { settleReservations } from "../src/features/limits/index.ts";
import { deleteExpired } from "../src/features/retention/index.ts";
import { type AcceptedEvent, insertEvents } from "../src/features/telemetry/store.ts";
import { reconcileUsage } from "../src/features/usage/index.ts";
import { readTiers } from "../src/tiers.ts";
import { startControlPlane } from "./harness.ts";

const migrations = path.resolve(import.meta.dirname, "../migrations");
const dayMs = 86_400_000;

let test: TestDatabase | undefined;
let database: Database<Schema>;
let context: SystemContext;
let logLines: Record<string, unknown>[] = [];
let clock = Date.now();
beforeEach(async () => {
  await close();
  test = await createTestDatabase({ migrations: [migrations], prepare: (url) => migrate(url, "whs", migrations) });
  logLines = [];
  clock = Date.now();
  const log = createLogger({
    name: "test",
    level: "error",
    destination: { write: (line: string) => void logLines.push(JSON.parse(line)) },
  });
  database = openDatabase<Schema>({ url: test.url, applicationName: "test", log });
  const { tiers } = await readTiers(path.resolve(import.meta.dirname, "../../../config/tiers.yaml"));
  context = { db: database.kysely, tiers, log, now: () => new Date(clock) } as SystemContext;
});
afterAll(() => close());

async function close(): Promise<void> {
  if (test === undefined) return;
  await database.close();
  await test.drop();
}

const dayOf = (atMs: number): string => new Date(atMs).toISOString().slice(0, 10);
const today = (): number => Date.parse(dayOf(clock));

async function addUser(): Promise<string> {
  const id = newId("usr");
  await database.pool.query("insert into whs.users (id, external_id) values ($1, $1)", [id]);
  return id;
}

interface Over {
  llmTokens?: number;
  computeMs?: number;
  errors?: 0 | 1;
  timestamp?: string;
  runtimeProvider?: "cloudflare" | "agentcore";
}

/** Counts events as the ingestion does: rows, counters and rollups in one transaction. */
async function count(userId: string, events: number, atMs = clock, over: Over = {}) {
  const ids = createIds({ now: () => atMs });
  const accepted = Array.from({ length: events }, () => accept(ids.newId("evt"), userId, atMs, over));
  await insertEvents(database.kysely, accepted, settleReservations);
}

function accept(eventId: string, userId: string, atMs: number, over: Over, isFallback = false): AcceptedEvent {
  return {
    eventId,
    day: dayOf(atMs),
    isFallback,
    event: {
      userId,
      agentId: "agt_x",
      deploymentId: "dep_x",
      runtimeProvider: "cloudflare" as const,
      timestamp: new Date(atMs).toISOString(),
      requests: 1 as const,
      llmTokens: 10,
      tokensEstimated: false,
      computeMs: 0.1,
      toolCalls: 0,
      platformToolCalls: 0,
      codeExecutionSeconds: 0,
      browserSessions: 0,
      errors: 0 as const,
      provider: {},
      costUsdEstimated: 0.000_001,
      traceId: "trace",
      ...over,
    },
  };
}

const billed = async (userId: string, period = dayOf(clock).slice(0, 7)): Promise<UsageSums | undefined> =>
  (
    await database.pool.query<{ totals: UsageSums }>("select totals from whs.billing_usage where user_id = $1 and period = $2", [
      userId,
      period,
    ])
  ).rows[0]?.totals;

async function pass(accountsAtOnce?: number): Promise<FinishedPass> {
  const finished = await reconcileUsage(context, accountsAtOnce === undefined ? {} : { accountsAtOnce });
  if (finished === undefined) throw new Error("The pass did not end");
  return finished;
}

const noDrift = { requests: 0, tokens: 0, computeMs: 0 };

describe("the reconciliation of usage", () => {
  it("sums each account's month from its events, by runtime, and finds no drift", async () => {
    const [first, second] = [await addUser(), await addUser()];
    await count(first, 30);
    await count(first, 5, clock, { runtimeProvider: "agentcore", llmTokens: 7 });
    await count(second, 3);
    expect(await pass()).toMatchObject({ accounts: 2, drifting: 0, drift: noDrift });
    const { rows } = await database.pool.query("select user_id, period, totals, by_runtime from whs.billing_usage order by user_id");
    expect(rows).toEqual([
      {
        user_id: first,
        period: dayOf(clock).slice(0, 7),
        totals: expect.objectContaining({ requests: 35, tokens: 335, errors: 0 }),
        by_runtime: {
          cloudflare: expect.objectContaining({ requests: 30, tokens: 300, computeMs: expect.closeTo(3, 9) }),
          agentcore: expect.objectContaining({ requests: 5, tokens: 35 }),
        },
      },
      expect.objectContaining({ user_id: second, totals: expect.objectContaining({ requests: 3, tokens: 30 }) }),
    ]);
    expect(logLines).toEqual([]);
  });

  it("changes nothing when it is repeated, and follows when events come", async () => {
    const user = await addUser();
    await count(user, 3);
    await pass();
    const read = async () => (await database.pool.query("select xmin, * from whs.billing_usage")).rows;
    const before = await read();
    await pass();
    expect(await read()).toEqual(before);
    await count(user, 4);
    await pass();
    expect(await billed(user)).toMatchObject({ requests: 7 });
  });

  it("names a damaged counter with the size of the damage, and shows the truth", async () => {
    const [damaged, lost, sound] = [await addUser(), await addUser(), await addUser()];
    for (const user of [damaged, lost, sound]) await count(user, 20);
    await database.pool.query("update whs.usage_counters set requests = requests - 3, tokens = tokens + 500 where user_id = $1", [damaged]);
    await database.pool.query("delete from whs.usage_counters where user_id = $1", [lost]);
    expect(await pass()).toMatchObject({ accounts: 3, drifting: 2, drift: { requests: 23, tokens: 700, computeMs: expect.closeTo(2, 9) } });
    expect(await billed(damaged)).toMatchObject({ requests: 20, tokens: 200 });
    expect(await billed(lost)).toMatchObject({ requests: 20, tokens: 200 });
    expect(logLines).toEqual([
      expect.objectContaining({ level: "error", userId: damaged, runtimeProvider: "cloudflare", drift: { requests: -3, tokens: 500 } }),
      expect.objectContaining({ userId: lost, drift: expect.objectContaining({ requests: -20, tokens: -200 }) }),
    ]);
  });

  it("keeps sums of days whose events are gone, and deletes no event of a day that is not summed", async () => {
    const user = await addUser();
    // Ten days ago by a clock that goes on: ingestion takes no event of a sealed day.
    const start = today() + 14 * dayMs;
    clock = start + 3_600_000;
    await database.pool.query("select whs.ensure_partitions($1::date, 16)", [dayOf(clock)]);
    await count(user, 11);
    clock = start + dayMs;
    await count(user, 6);
    clock = start + 10 * dayMs;
    const rows = async () => (await database.pool.query("select 1 from whs.metrics_events where user_id = $1", [user])).rowCount;
    await deleteExpired(context);
    expect(await rows()).toBe(17);
    await pass();
    await deleteExpired(context);
    expect(await rows()).toBe(0);
    await count(user, 2);
    expect(await pass()).toMatchObject({ drifting: 0, drift: noDrift });
    const months = [...new Set([start + 3_600_000, start + dayMs, clock].map((at) => dayOf(at).slice(0, 7)))];
    const totals = await Promise.all(months.map((month) => billed(user, month)));
    expect(totals.reduce((sum, month) => sum + (month?.requests ?? 0), 0)).toBe(19);
  });

  it("completes a month after its last day's events can have come, though it was not run for days", async () => {
    const user = await addUser();
    const nextMonth = Date.UTC(new Date(clock).getUTCFullYear(), new Date(clock).getUTCMonth() + 1, 1);
    const month = dayOf(nextMonth - 1).slice(0, 7);
    await database.pool.query("select whs.ensure_partitions($1::date, 10)", [dayOf(nextMonth - dayMs)]);
    clock = nextMonth - 1000;
    await count(user, 4);
    await pass();
    clock = nextMonth + 1000;
    await count(user, 5, nextMonth - 500);
    await count(user, 1);
    clock = nextMonth + 5 * dayMs + 2 * 3_600_000;
    await pass();
    expect([await billed(user, month), await billed(user, dayOf(nextMonth).slice(0, 7))]).toMatchObject([{ requests: 9 }, { requests: 1 }]);
    const { rows } = await database.pool.query("select open_since::text, sealed_before::text from whs.usage_reconciliation");
    expect(rows).toEqual([{ open_since: dayOf(nextMonth), sealed_before: dayOf(nextMonth + 4 * dayMs) }]);
    // What is complete is not looked at again, and is kept.
    await deleteExpired(context);
    await pass();
    expect(await billed(user, month)).toMatchObject({ requests: 9 });
  });

  it("never lowers a month, should events be missing", async () => {
    const user = await addUser();
    await count(user, 8);
    await pass();
    await database.pool.query("delete from whs.metrics_events where event_id in (select event_id from whs.metrics_events limit 3)");
    await pass();
    expect(await billed(user)).toMatchObject({ requests: 8 });
    expect(logLines.map((line) => line["msg"])).toContain("Events are missing that a month's usage rests on; it stays as it was");
  });

  it("sees counters and events of one moment, while events are counted", async () => {
    const users = [await addUser(), await addUser()];
    let counting = true;
    const writing = (async () => {
      for (let n = 0; n < 40; n++) await count(users[n % 2] ?? "", 7);
      counting = false;
    })();
    do {
      expect(await pass(1)).toMatchObject({ drifting: 0, drift: noDrift });
    } while (counting);
    await writing;
    await pass();
    expect(await Promise.all(users.map((user) => billed(user)))).toMatchObject([{ requests: 140 }, { requests: 140 }]);
  });

  it("goes on where a killed process or another run stopped, and counts each account once", async () => {
    for (let n = 0; n < 25; n++) await count(await addUser(), 2);
    const stopping = new AbortController();
    const now = (): Date => {
      stopping.abort();
      return new Date(clock);
    };
    expect(await reconcileUsage({ ...context, now }, { accountsAtOnce: 10, signal: stopping.signal })).toBeUndefined();
    await killInTheMiddleOfAStep();
    const { rows } = await database.pool.query<{ pass: { accounts: number } }>("select pass from whs.usage_reconciliation");
    expect(rows[0]?.pass.accounts).toBe(10);
    // Two runs at once share the rest.
    const runs = await Promise.all([pass(3), reconcileUsage(context, { accountsAtOnce: 4 })]);
    expect(runs.map((run) => run?.accounts)).toContain(25);
    expect(runs.map((run) => run?.drifting)).toEqual([0, 0]);
    const sums = await database.pool.query(
      "select count(*)::int as accounts, sum((totals ->> 'requests')::int)::int as requests from whs.billing_usage",
    );
    expect(sums.rows).toEqual([{ accounts: 25, requests: 50 }]);
  });
});

describe("what the reconciliation has found", () => {
  it("is shown to the operator and in the metrics of every process", async () => {
    const token = "operator-token-of-this-test-000002";
    const plane = await startControlPlane({ environment: { WHS_OPERATOR_TOKEN: token } });
    onTestFinished(() => plane.close());
    const person = await plane.user();
    const { body } = await person.request<{ user: { id: string } }>("GET", "/v1/me");
    await plane.pool.query(
      "insert into whs.usage_counters (user_id, period, runtime_provider, requests, tokens) values ($1, to_char(now() at time zone 'utc', 'YYYY-MM'), 'cloudflare', 5, 70)",
      [body.user.id],
    );
    const own = openDatabase<Schema>({ url: plane.config.databaseUrl, applicationName: "test", log: context.log });
    onTestFinished(() => own.close());
    // The job by the clock may have begun a pass before the damage.
    await expect.poll(async () => (await reconcileUsage({ ...context, db: own.kysely }))?.drifting).toBe(1);
    const stats = (await plane.as(token)<OperatorStats>("GET", "/v1/operator/stats")).body;
    expect(stats.reconciliation).toEqual({
      finishedAt: expect.any(String),
      accounts: 1,
      drifting: 1,
      drift: { requests: 5, tokens: 70, computeMs: 0 },
    });
    const text = await (await fetch(plane.app.metricsUrl)).text();
    expect(text).toMatch(/^whs_usage_drift\{resource="requests",.*\} 5$/m);
    expect(text).toMatch(/^whs_usage_drift\{resource="tokens",.*\} 70$/m);
    expect(text).toMatch(/^whs_usage_drifting_accounts\{.*\} 1$/m);
    expect(text).toMatch(/^whs_usage_reconciled_timestamp_seconds\{.*\} \d+/m);
  });
});

/** A process that hangs in its first step, behind a lock, and dies there. */
async function killInTheMiddleOfAStep(): Promise<void> {
  const blocker = await database.pool.connect();
  await blocker.query("begin");
  await blocker.query("lock table whs.billing_usage in share mode");
  const child = spawn(process.execPath, [path.join(import.meta.dirname, "reconcile-process.ts"), test?.url ?? ""], { stdio: "inherit" });
  const gone = once(child, "exit");
  const waiting = async (): Promise<number | null> =>
    (await database.pool.query("select 1 from pg_stat_activity where application_name = 'reconcile-process' and wait_event_type = 'Lock'"))
      .rowCount;
  await expect.poll(waiting).toBe(1);
  child.kill("SIGKILL");
  await gone;
  await blocker.query("rollback");
  blocker.release();
}

describe("a runtime's event that comes after the gateway's word for it", () => {
  const insert = (...events: AcceptedEvent[]) => insertEvents(database.kysely, events, settleReservations);
  const counted = async (user: string) =>
    (
      await database.pool.query(
        "select requests::int, tokens, compute_ms, errors::int from whs.usage_counters where user_id = $1 and runtime_provider = 'cloudflare'",
        [user],
      )
    ).rows[0];
  const hours = async () =>
    (
      await database.pool.query(
        "select hour, requests::int, tokens, compute_ms, errors::int from whs.usage_hourly where requests <> 0 order by hour",
      )
    ).rows;

  it("takes its place in rows, counters and hours, once, and leaves no drift", async () => {
    const user = await addUser();
    const id = newId("evt");
    const own = { llmTokens: 70, computeMs: 12.5, errors: 0 as const, timestamp: new Date(clock - 3_600_000).toISOString() };
    const word = accept(id, user, clock, { llmTokens: 0, computeMs: 900, errors: 1 }, true);
    await insert(word);
    expect(await counted(user)).toEqual({ requests: 1, tokens: 0, compute_ms: 900, errors: 1 });
    const late = accept(id, user, clock, own);
    expect(await insert(late)).toEqual(new Set());
    for (const again of [late, word, accept(id, user, clock, { llmTokens: 9 })]) await insert(again);
    const sums = { requests: 1, tokens: 70, compute_ms: 12.5, errors: 0 };
    expect(await counted(user)).toEqual(sums);
    expect(await hours()).toEqual([{ hour: new Date(Math.floor((clock - 3_600_000) / 3_600_000) * 3_600_000), ...sums }]);
    expect(await pass()).toMatchObject({ accounts: 1, drifting: 0, drift: noDrift });
    expect(await billed(user)).toMatchObject({ requests: 1, tokens: 70 });
  });

  it("is the one that counts when both are written together", async () => {
    const user = await addUser();
    const id = newId("evt");
    await insert(accept(id, user, clock, { llmTokens: 4 }), accept(id, user, clock, { llmTokens: 0 }, true));
    expect(await counted(user)).toMatchObject({ requests: 1, tokens: 4 });
  });

  it("changes nothing of an event that came itself, and never whose it is", async () => {
    const [user, other] = [await addUser(), await addUser()];
    const id = newId("evt");
    await insert(accept(id, user, clock, { llmTokens: 5 }));
    await insert(accept(id, user, clock, { llmTokens: 500 }));
    expect(await counted(user)).toMatchObject({ requests: 1, tokens: 5 });
    const lost = newId("evt");
    await insert(accept(lost, user, clock, {}, true));
    const stolen = accept(lost, other, clock, { llmTokens: 500 });
    await expect(insert(stolen)).resolves.toEqual(new Set());
    expect(await counted(other)).toBeUndefined();
    await expect(
      database.pool.query("update whs.metrics_events set user_id = $1, is_fallback = false where event_id = $2", [other, lost]),
    ).rejects.toThrow("does not change");
    await expect(database.pool.query("update whs.metrics_events set llm_tokens = 0 where event_id = $1", [id])).rejects.toThrow(
      "does not change",
    );
  });

  it("is counted exactly when word and event come at once, from many sides", async () => {
    const user = await addUser();
    const ids = Array.from({ length: 40 }, () => newId("evt"));
    await Promise.all(
      [true, false, false].flatMap((isFallback) =>
        ids.map((id) =>
          insert(accept(id, user, clock, isFallback ? { llmTokens: 0, computeMs: 50 } : { llmTokens: 3, computeMs: 2 }, isFallback)),
        ),
      ),
    );
    expect(await counted(user)).toMatchObject({ requests: 40, tokens: 120, compute_ms: expect.closeTo(80, 6) });
    expect(await pass()).toMatchObject({ drifting: 0 });
  });
});
