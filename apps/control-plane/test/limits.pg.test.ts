import { createLogger } from "@whs/platform/log";
import { migrate, openDatabase } from "@whs/platform/db";
import { createTaggedIds, newId } from "@whs/platform/ids";
import { createTestDatabase, type TestDatabase } from "@whs/platform/testing";
import type { Entitlements } from "@whs/api";
import { Kysely, PostgresDialect } from "kysely";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import type { Schema } from "../src/database.ts";
import { type Budgets, createBudgets } from "../src/features/limits/budgets.ts";
import { settleReservations } from "../src/features/limits/settle.ts";
import { readPending, reclaimLeases } from "../src/features/limits/store.ts";
import { createAgent, deploy } from "./deploy.ts";
import { type GatewayProcess, startGatewayProcess } from "./gateway-process.ts";
import { startControlPlane, type TestControlPlane, type TestUser } from "./harness.ts";

const migrations = path.resolve(import.meta.dirname, "../migrations");
const tiersFile = path.resolve(import.meta.dirname, "../../../config/tiers.yaml");
const period = new Date().toISOString().slice(0, 7);

describe("a budget shared by gateways", () => {
  let database: TestDatabase;
  let pool: pg.Pool;
  let db: Kysely<Schema>;
  let user = 0;
  let userId = "";
  const open: Budgets[] = [];
  const log = createLogger({ name: "test", level: "silent" });

  beforeAll(async () => {
    database = await createTestDatabase({ migrations: [migrations], prepare: (url) => migrate(url, "whs", migrations) });
    ({ kysely: db, pool } = openDatabase<Schema>({ url: database.url, applicationName: "test", maxConnections: 8, log }));
  });
  beforeEach(async () => {
    user += 1;
    userId = `usr_${String(user).padStart(26, "0")}`;
    await pool.query("insert into whs.users (id, external_id) values ($1, $1)", [userId]);
  });
  afterAll(async () => {
    for (const budgets of open) await budgets.close();
    await pool.end();
    await database.drop();
  });

  const gateway = (gatewayId: string): Budgets => {
    const budgets = createBudgets({ db, log, now: () => new Date(), gatewayId });
    open.push(budgets);
    return budgets;
  };
  const plan = (limits: Partial<Entitlements>): Entitlements =>
    ({ maxRequestsPerPeriod: 1000, maxTokensPerPeriod: 1e9, maxComputeMsPerPeriod: 1e9, ...limits }) as Entitlements;
  const reserve = (budgets: Budgets, entitlements: Entitlements, predicted = { tokens: 0, computeMs: 0 }) =>
    budgets.reserve({ id: userId, tier: "free" }, entitlements, predicted);
  const count = async (attempts: Promise<unknown>[]): Promise<number> =>
    (await Promise.allSettled(attempts)).filter((result) => result.status === "fulfilled").length;
  const settle = (gatewayId: string, requests: number, tokens = 0) =>
    db.transaction().execute((transaction) =>
      settleReservations(
        transaction,
        Array.from({ length: requests }, () => ({
          eventId: createTaggedIds(gatewayId).newId("evt"),
          day: `${period}-01`,
          event: { userId, requests: 1, llmTokens: tokens, computeMs: 0 },
        })),
      ),
    );

  it("is never overspent by four gateways under a thousand concurrent requests, and is spent to the last one", async () => {
    const gateways = ["aaaaaaa1", "aaaaaaa2", "aaaaaaa3", "aaaaaaa4"].map(gateway);
    const entitlements = plan({ maxRequestsPerPeriod: 333 });
    const accepted = await count(
      gateways.flatMap((budgets) =>
        Array.from({ length: 250 }, () => reserve(budgets, entitlements).then((reservation) => reservation.spend(undefined))),
      ),
    );
    expect(accepted).toBeLessThanOrEqual(333);
    for (const budgets of gateways) {
      budgets.giveBack(userId);
      await budgets.tick();
    }
    const rest = await count(Array.from({ length: 400 }, () => reserve(gateways[0] as Budgets, entitlements)));
    expect(accepted + rest).toBe(333);
  });

  it("refuses with what is lacking, of each resource", async () => {
    const budgets = gateway("bbbbbbb1");
    await expect(reserve(budgets, plan({ maxRequestsPerPeriod: 0 }))).rejects.toMatchObject({
      code: "LIMIT_EXCEEDED",
      status: 402,
      details: { limitType: "requests", periodKey: period, current: 0, limit: 0 },
    });
    await expect(reserve(budgets, plan({ maxTokensPerPeriod: 10 }), { tokens: 11, computeMs: 0 })).rejects.toMatchObject({
      details: { limitType: "tokens", limit: 10 },
    });
    await expect(reserve(budgets, plan({ maxComputeMsPerPeriod: 10 }), { tokens: 0, computeMs: 11 })).rejects.toMatchObject({
      details: { limitType: "computeMs", limit: 10 },
    });
  });

  it("takes nothing for an invocation that never reached its runtime", async () => {
    const budgets = gateway("ccccccc1");
    const entitlements = plan({ maxRequestsPerPeriod: 3 });
    for (let round = 0; round < 10; round++) (await reserve(budgets, entitlements)).release();
    expect(await count(Array.from({ length: 5 }, () => reserve(budgets, entitlements)))).toBe(3);
  });

  it("blocks once actual tokens have used it up, though less was predicted", async () => {
    const budgets = gateway("ddddddd1");
    const entitlements = plan({ maxTokensPerPeriod: 100 });
    (await reserve(budgets, entitlements, { tokens: 10, computeMs: 0 })).spend({ tokens: 150, computeMs: 0 });
    await budgets.tick();
    await settle("ddddddd1", 1, 150);
    await pool.query(
      "insert into whs.usage_counters (user_id, period, runtime_provider, requests, tokens) values ($1, $2, 'cloudflare', 1, 150)",
      [userId, period],
    );
    await expect(reserve(budgets, entitlements, { tokens: 1, computeMs: 0 })).rejects.toMatchObject({
      details: { limitType: "tokens", current: 100, limit: 100 },
    });
  });

  it("shows as pending what is accepted and not counted, until it is", async () => {
    const budgets = gateway("eeeeeee1");
    for (let index = 0; index < 5; index++)
      (await reserve(budgets, plan({}), { tokens: 4, computeMs: 1 })).spend({ tokens: 6, computeMs: 2 });
    await budgets.tick();
    expect(await readPending(db, userId, period)).toEqual({ requests: 5, tokens: 30, computeMs: 10 });
    await settle("eeeeeee1", 5, 6);
    expect(await readPending(db, userId, period)).toEqual({ requests: 0, tokens: 0, computeMs: 0 });
    budgets.giveBack(userId);
    await budgets.tick();
    expect((await pool.query("select 1 from whs.usage_leases where user_id = $1", [userId])).rowCount).toBe(0);
  });

  it("counts a killed gateway's lease in full, and gives back what no event has used", async () => {
    const limit = 40;
    const child = spawn(process.execPath, [path.join(import.meta.dirname, "spend-budget.ts"), database.url, userId, String(limit), "6"], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [line] = (await once(child.stdout, "data")) as [Buffer];
    expect(line.toString()).toContain("spent 6");
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;

    const survivor = gateway("fffffff1");
    const entitlements = plan({ maxRequestsPerPeriod: limit });
    const before = await count(Array.from({ length: 60 }, () => reserve(survivor, entitlements)));
    expect(before + 6).toBeLessThanOrEqual(limit);
    await settle("0000dead", 6);
    await pool.query("insert into whs.usage_counters (user_id, period, runtime_provider, requests) values ($1, $2, 'cloudflare', 6)", [
      userId,
      period,
    ]);
    expect(await reclaimLeases(db, 0)).toBe(0);
    await pool.query("update whs.usage_leases set expires_at = now() - interval '1 minute' where gateway_id = '0000dead'");
    expect(await reclaimLeases(db, 45)).toBe(1);
    const after = await count(Array.from({ length: 60 }, () => reserve(survivor, entitlements)));
    expect(before + after + 6).toBe(limit);
  });

  it("fails closed when usage cannot be read", async () => {
    const broken = new Kysely<Schema>({
      dialect: new PostgresDialect({
        pool: new pg.Pool({ connectionString: "postgres://127.0.0.1:1/none", connectionTimeoutMillis: 500 }),
      }),
    });
    const budgets = createBudgets({ db: broken, log, now: () => new Date(), gatewayId: "99999999" });
    await expect(reserve(budgets, plan({}))).rejects.toMatchObject({ code: "UNAVAILABLE", status: 503, retryable: true });
  });
});

/** Takes as many milliseconds as it is told. */
const sleeper = `export default { async invoke({ messages }: any) { await new Promise((resolve) => setTimeout(resolve, Number(messages[0].content))); return "ok"; } };`;

describe("limits over HTTP", () => {
  let plane: TestControlPlane;
  let person: TestUser;
  let agentId: string;
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(path.join(tmpdir(), "whs-tiers-"));
    const tiers = parse(await readFile(tiersFile, "utf8"));
    Object.assign(tiers.tiers.free, { maxRequestsPerPeriod: 12, maxConcurrentInvocations: 3, maxRequestsPerSecond: 1000 });
    Object.assign(tiers.tiers.pro, { maxConcurrentInvocations: 1000, maxRequestsPerSecond: 6 });
    Object.assign(tiers.tiers.enterprise, { maxConcurrentInvocations: 4, maxRequestsPerSecond: 1000 });
    await writeFile(path.join(directory, "tiers.yaml"), stringify(tiers));
    plane = await startControlPlane({ dataPlane: true, environment: { WHS_TIERS_FILE: path.join(directory, "tiers.yaml") } });
    person = await plane.user();
    agentId = await createAgent(person, "limited");
    await deploy(person, agentId, sleeper);
  });
  afterAll(async () => {
    await plane.close();
    await rm(directory, { recursive: true, force: true });
  });
  const invoke = (prompt = "0") => person.request("POST", `/v1/invoke/${agentId}`, { input: { prompt } });

  it("come from a file whose hash is in the audit log", async () => {
    const { rows } = await plane.pool.query(
      "select metadata ->> 'sha256' as sha256 from whs.audit_log where action = 'billing.plans_loaded'",
    );
    expect(rows).toEqual([
      {
        sha256: createHash("sha256")
          .update(await readFile(path.join(directory, "tiers.yaml")))
          .digest("hex"),
      },
    ]);
  });

  it("refuse a fourth invocation at once with 429, and say when to come back", async () => {
    const answers = await Promise.all(Array.from({ length: 4 }, () => invoke("400")));
    expect(answers.map((answer) => answer.status).toSorted()).toEqual([200, 200, 200, 429]);
    const refused = answers.find((answer) => answer.status === 429);
    expect(refused?.headers.get("retry-after")).toBe("1");
    expect(refused?.body).toMatchObject({ error: { code: "RATE_LIMITED", retryable: true } });
    expect(answers.find((answer) => answer.status === 200)?.headers.get("ratelimit-limit")).toBe("1000");
  });

  it("show every accepted request at once, as counted or as pending", async () => {
    const { body } = await person.request<{ totals: { requests: number }; pending: { requests: number } }>("GET", "/v1/billing/usage");
    expect(body.totals.requests + body.pending.requests).toBe(3);
  });

  it("accept exactly the plan's requests, whatever is asked at once, and nothing that was refused is counted", async () => {
    const statuses: number[] = [];
    for (let round = 0; round < 8; round++)
      statuses.push(...(await Promise.all([invoke(), invoke(), invoke()])).map((answer) => answer.status));
    // Three were accepted before.
    expect(statuses.filter((status) => status === 200)).toHaveLength(9);
    expect(statuses.filter((status) => status === 402)).toHaveLength(15);
    expect((await invoke()).body).toMatchObject({
      error: {
        code: "LIMIT_EXCEEDED",
        retryable: false,
        details: { limitType: "requests", periodKey: period, current: 12, limit: 12, suggestedAction: expect.any(String) },
      },
    });
    await expect
      .poll(
        async () =>
          (await person.request<{ totals: { requests: number }; pending: { requests: number } }>("GET", "/v1/billing/usage")).body,
        { timeout: 60_000 },
      )
      .toMatchObject({ totals: { requests: 12 }, pending: { requests: 0, tokens: 0, computeMs: 0 } });
  });

  describe("of two processes", () => {
    let other: GatewayProcess;
    beforeAll(async () => {
      other = await startGatewayProcess(plane, { WHS_TIERS_FILE: path.join(directory, "tiers.yaml") });
    }, 180_000);
    afterAll(() => other?.stop("SIGTERM"));

    const customer = async (tier: string): Promise<(base: string, ms?: number, signal?: AbortSignal) => Promise<number>> => {
      const somebody = await plane.user(tier);
      // On the plan before it is seen first: no gateway remembers another one.
      await plane.pool.query("insert into whs.users (id, external_id, subscription_tier) values ($1, $2, $3)", [
        newId("usr"),
        somebody.externalId,
        tier,
      ]);
      const agent = await createAgent(somebody, "shared");
      await deploy(somebody, agent, sleeper);
      return async (base, ms = 0, signal) => {
        const response = await fetch(`${base}/v1/invoke/${agent}`, {
          method: "POST",
          ...(signal === undefined ? {} : { signal }),
          headers: { authorization: `Bearer ${somebody.token}`, "content-type": "application/json" },
          body: JSON.stringify({ input: { prompt: String(ms) } }),
        });
        await response.arrayBuffer();
        return response.status;
      };
    };
    const accepted = (statuses: readonly number[]): number => statuses.filter((status) => status === 200).length;

    it("let as many run at once as the plan says, over both and at either alone", async () => {
      const call = await customer("enterprise");
      expect(await call(plane.url)).toBe(200);
      expect(await call(other.url)).toBe(200);
      const enough = new AbortController();
      const ended: number[] = [];
      const running = Array.from({ length: 12 }, async (_, index) => {
        ended.push(await call(index % 2 === 0 ? plane.url : other.url, 50_000, enough.signal));
      });
      // All but four are refused, and these four run on.
      await expect.poll(() => ended, { timeout: 30_000 }).toEqual(Array<number>(8).fill(429));
      enough.abort();
      expect((await Promise.allSettled(running)).filter(({ status }) => status === "rejected")).toHaveLength(4);
      for (const base of [other.url, plane.url])
        await expect.poll(async () => accepted(await Promise.all([1, 2, 3, 4].map(() => call(base, 300)))), { timeout: 30_000 }).toBe(4);
    });

    it("let the plan's whole rate through either alone, and no more through both", async () => {
      const call = await customer("pro");
      for (const base of [other.url, plane.url])
        await expect
          .poll(async () => accepted(await Promise.all(Array.from({ length: 6 }, () => call(base)))), { timeout: 30_000, interval: 1_100 })
          .toBe(6);
      const startedAt = performance.now();
      let through = 0;
      for (let round = 0; round < 12; round++)
        through += accepted(await Promise.all(Array.from({ length: 20 }, (_, index) => call(index % 2 === 0 ? plane.url : other.url))));
      const windows = Math.floor((performance.now() - startedAt) / 1000) + 2;
      // A tenth of six is less than one: each process may be ahead by one.
      expect(through).toBeLessThanOrEqual(6 * windows + 2);
    });
  });
});
