import type { Entitlements } from "@whs/api";
import { AppError } from "@whs/platform/errors";
import { migrate, openDatabase } from "@whs/platform/db";
import { createTaggedIds } from "@whs/platform/ids";
import { createLogger } from "@whs/platform/log";
import { createTestDatabase, type TestDatabase } from "@whs/platform/testing";
import fc from "fast-check";
import { Kysely, PostgresDialect, sql } from "kysely";
import path from "node:path";
import type pg from "pg";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Schema } from "../src/database.ts";
import { createBudgets, type Budgets, type Reservation } from "../src/features/limits/budgets.ts";
import { settleReservations } from "../src/features/limits/settle.ts";
import { reclaimLeases } from "../src/features/limits/store.ts";

const migrations = path.resolve(import.meta.dirname, "../migrations");
const log = createLogger({ name: "test", level: "silent" });
const runs = 1000;
const atOnce = 8;
/** Any that fails is named, and runs again when its seed stands here. */
const seed = Math.floor(Math.random() * 2 ** 31);

let test: TestDatabase;
let pool: pg.Pool;
let db: Kysely<Schema>;
beforeAll(async () => {
  test = await createTestDatabase({ migrations: [migrations], prepare: (url) => migrate(url, "whs", migrations) });
  ({ kysely: db, pool } = openDatabase<Schema>({ url: test.url, applicationName: "test", maxConnections: atOnce, log }));
});
afterAll(async () => {
  await pool.end();
  await test.drop();
});

const gateways = 3;
const gateway = fc.nat(gateways - 1);
const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant("invoke" as const), at: fc.array(gateway, { minLength: 1, maxLength: 5 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("reach" as const), share: fc.integer({ min: 1, max: 100 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("miss" as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("count" as const), share: fc.integer({ min: 1, max: 100 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("tick" as const), at: gateway }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("kill" as const), at: gateway }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("plan" as const), limit: fc.integer({ min: 0, max: 12 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("month" as const) }) },
);
const schedule = fc.record({ limit: fc.integer({ min: 0, max: 12 }), steps: fc.array(step, { minLength: 4, maxLength: 10 }) });
type Schedule = ReturnType<typeof schedule.generate>["value"];

/** An invocation that a gateway has let in. */
interface Accepted {
  gatewayId: string;
  period: string;
  reservation: Reservation;
  state: "running" | "reached" | "counted";
}

/** Some gateways and one account, with what must be true of them whatever happens. */
class World {
  readonly userId: string;
  private limit: number;
  private now = new Date("2026-01-15T12:00:00Z");
  private readonly gateways: { id: string; budgets: Budgets; kill: () => void }[];
  private readonly killed: string[] = [];
  private accepted: Accepted[] = [];
  private made = 0;

  constructor(number: number, limit: number) {
    this.userId = `usr_${String(number).padStart(26, "0")}`;
    this.limit = limit;
    this.gateways = Array.from({ length: gateways }, () => this.open());
  }

  /** A gateway whose connections break when it is killed, and which nobody can ask anything any more. */
  private open(): (typeof this.gateways)[number] {
    let dead = false;
    const own = new Kysely<Schema>({
      dialect: new PostgresDialect({
        pool: { options: {}, connect: () => (dead ? Promise.reject(new Error("killed")) : pool.connect()), end: async () => undefined },
      }),
    });
    this.made += 1;
    const id = `${this.userId.slice(-6)}${String(this.made).padStart(2, "0")}`;
    return { id, budgets: createBudgets({ db: own, log, now: () => this.now, gatewayId: id }), kill: () => void (dead = true) };
  }

  private get period(): string {
    return this.now.toISOString().slice(0, 7);
  }
  private of(period: string): Accepted[] {
    return this.accepted.filter((one) => one.period === period);
  }
  private get entitlements(): Entitlements {
    return { maxRequestsPerPeriod: this.limit, maxTokensPerPeriod: 1e9, maxComputeMsPerPeriod: 1e9 } as Entitlements;
  }

  private async invoke(at: readonly number[]): Promise<number> {
    const { period } = this;
    const outcomes = await Promise.allSettled(
      at.map(async (index) => {
        const { id, budgets } = this.gateways[index] as (typeof this.gateways)[number];
        const reservation = await budgets.reserve({ id: this.userId, tier: "free" }, this.entitlements, { tokens: 1, computeMs: 1 });
        this.accepted.push({ gatewayId: id, period, reservation, state: "running" });
        const { length } = this.of(period);
        if (length > this.limit) throw new Error(`${length} were accepted of ${this.limit}`);
      }),
    );
    for (const outcome of outcomes)
      if (outcome.status === "rejected" && !(outcome.reason instanceof AppError && outcome.reason.code === "LIMIT_EXCEEDED"))
        throw outcome.reason;
    return outcomes.filter(({ status }) => status === "fulfilled").length;
  }

  private async count(counted: readonly Accepted[]): Promise<void> {
    if (counted.length === 0) return;
    const events = counted.map(({ gatewayId, period }) => ({
      eventId: createTaggedIds(gatewayId).newId("evt"),
      day: `${period}-01`,
      event: { userId: this.userId, requests: 1 as const, llmTokens: 1, computeMs: 1 },
    }));
    const perMonth = Map.groupBy(counted, ({ period }) => period);
    await db.transaction().execute(async (transaction) => {
      for (const [period, { length }] of perMonth)
        await sql`insert into whs.usage_counters as c (user_id, period, runtime_provider, requests) values (${this.userId}, ${period}, 'cloudflare', ${length})
          on conflict (user_id, period, runtime_provider) do update set requests = c.requests + excluded.requests`.execute(transaction);
      await settleReservations(transaction, events);
    });
    for (const one of counted) one.state = "counted";
  }

  private share(state: Accepted["state"], percent: number): Accepted[] {
    const all = this.accepted.filter((one) => one.state === state);
    return all.slice(0, Math.ceil((all.length * percent) / 100));
  }

  private reach(all: readonly Accepted[]): void {
    for (const one of all) {
      one.reservation.spend({ tokens: 1, computeMs: 1 });
      one.state = "reached";
    }
  }

  async take(action: Schedule["steps"][number]): Promise<void> {
    switch (action.do) {
      case "invoke":
        return void (await this.invoke(action.at));
      case "reach":
        return this.reach(this.share("running", action.share));
      case "miss": {
        // Never reached its runtime: it is given back and not accepted any more.
        const missed = this.share("running", 50).filter(({ gatewayId }) => !this.killed.includes(gatewayId));
        for (const { reservation } of missed) reservation.release();
        this.accepted = this.accepted.filter((one) => !missed.includes(one));
        return undefined;
      }
      case "count":
        return this.count(this.share("reached", action.share));
      case "tick":
        return this.gateways[action.at]?.budgets.tick();
      case "kill": {
        const victim = this.gateways[action.at];
        if (victim === undefined) return undefined;
        victim.kill();
        // Nothing of it reaches the database any more; this ends its clock.
        await Promise.allSettled([victim.budgets.close()]);
        this.killed.push(victim.id);
        this.gateways[action.at] = this.open();
        return undefined;
      }
      case "plan":
        // Announced to all gateways before the change is confirmed.
        this.limit = action.limit;
        for (const { budgets } of this.gateways) budgets.giveBack(this.userId);
        return undefined;
      case "month":
        this.now = new Date(Date.UTC(this.now.getUTCFullYear(), this.now.getUTCMonth() + 1, 1, 0, 0, 1));
        return undefined;
    }
  }

  private async giveBack(): Promise<void> {
    for (const { budgets } of this.gateways) {
      budgets.giveBack(this.userId);
      await budgets.tick();
    }
  }

  /** What one gateway has in its lease another one cannot spend: it is over when none of them can. */
  private async spendAll(): Promise<number> {
    let spent = 0;
    for (let turn = 0, refused = 0; refused < gateways; turn++) {
      const accepted = await this.invoke([turn % gateways]);
      spent += accepted;
      refused = accepted === 0 ? refused + 1 : 0;
    }
    return spent;
  }

  /** Events of all that ran have come and leases of the killed are over: what is left can be spent, all of it and no more. */
  async end(): Promise<void> {
    this.reach(this.share("running", 100));
    await this.count(this.share("reached", 100));
    if (this.killed.length > 0) {
      await pool.query("update whs.usage_leases set expires_at = now() - interval '1 minute' where gateway_id = any($1)", [this.killed]);
      await reclaimLeases(db, 45);
    }
    const left = Math.max(0, this.limit - this.of(this.period).length);
    let more = 0;
    // A tick that the clock has begun knows of less, so that a second look may find the rest.
    for (let look = 0; look < 3 && more < left; look++) {
      await this.giveBack();
      more += await this.spendAll();
    }
    more += await this.spendAll();
    if (more !== left) throw new Error(`${more} could still be spent, not ${left}`);
    for (const { budgets } of this.gateways) await budgets.close();
  }
}

async function play(number: number, { limit, steps }: Schedule): Promise<void> {
  const world = new World(number, limit);
  await pool.query("insert into whs.users (id, external_id) values ($1, $1)", [world.userId]);
  for (const action of steps) await world.take(action);
  await world.end();
}

it(`a budget is never overspent, and nothing of it is lost, in ${runs} random schedules of gateways, kills, plans and months`, async () => {
  const schedules = fc.sample(schedule, { numRuns: runs, seed });
  let next = 0;
  let played = 0;
  const player = async (): Promise<void> => {
    for (let index = next++; index < schedules.length; index = next++) {
      const one = schedules[index] as Schedule;
      try {
        await play(index + 1, one);
        played += 1;
      } catch (error) {
        throw new Error(`Schedule ${index} of seed ${seed}: ${JSON.stringify(one)}`, { cause: error });
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, player));
  expect(played).toBe(runs);
}, 300_000);
