import { migrate, openDatabase } from "@whs/platform/db";
import { createLogger } from "@whs/platform/log";
import { createTestDatabase, type TestDatabase } from "@whs/platform/testing";
import { Kysely, PostgresDialect } from "kysely";
import path from "node:path";
import type pg from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import type { Schema } from "../src/database.ts";
import { createSlots, type Slots, type SlotsOptions } from "../src/features/limits/slots.ts";

const migrations = path.resolve(import.meta.dirname, "../migrations");
const log = createLogger({ name: "test", level: "silent" });

let database: TestDatabase;
let pool: pg.Pool;
let db: Kysely<Schema>;
let people = 0;
let userId = "";
let gateways: Slots[] = [];
const patience = { timeout: 30_000 };

beforeAll(async () => {
  database = await createTestDatabase({ migrations: [migrations], prepare: (url) => migrate(url, "whs", migrations) });
  ({ kysely: db, pool } = openDatabase<Schema>({ url: database.url, applicationName: "test", maxConnections: 8, log }));
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});
beforeEach(() => {
  people += 1;
  userId = `usr_slots_${people}`;
});
afterEach(async () => {
  for (const slots of gateways) await slots.close();
  gateways = [];
});

/** One more gateway; others hear what it asks for like over the announcements. */
function gateway(options: Partial<SlotsOptions> = {}): Slots {
  const slots = createSlots({
    db,
    log,
    gatewayId: (gateways.length + 1).toString(16).padStart(8, "0"),
    gateways: () => gateways.length,
    reclaim: async (user) => void (await Promise.all(gateways.filter((other) => other !== slots).map((other) => other.giveBack(user)))),
    ...options,
  });
  gateways.push(slots);
  return slots;
}

async function enterAtOnce(slots: Slots, most: number, times: number): Promise<(() => void)[]> {
  const places = await Promise.all(Array.from({ length: times }, () => slots.enter(userId, most)));
  return places.filter((place) => place !== undefined);
}

describe("places for invocations at once", () => {
  it("are exactly as many as the plan has, whatever several gateways ask at once", async () => {
    const all = Array.from({ length: 4 }, () => gateway());
    const places = (await Promise.all(all.map((slots) => enterAtOnce(slots, 10, 20)))).flat();
    expect(places).toHaveLength(10);
    for (const leave of places) leave();
  });

  it("are all there for one gateway alone, though others had them before", async () => {
    const [first, second, third] = [gateway(), gateway(), gateway()];
    for (const slots of [first, second, third]) for (const leave of await enterAtOnce(slots, 6, 2)) leave();
    expect(await enterAtOnce(second, 6, 8)).toHaveLength(6);
    expect(await enterAtOnce(first, 6, 1)).toHaveLength(0);
  });

  it("are taken over as soon as they are left, by whichever gateway is asked", async () => {
    const [first, second] = [gateway(), gateway()];
    const places = await enterAtOnce(first, 3, 3);
    expect(places).toHaveLength(3);
    expect(await enterAtOnce(second, 3, 1)).toHaveLength(0);
    places[0]?.();
    places[0]?.();
    await vi.waitFor(async () => expect(await enterAtOnce(second, 3, 1)).toHaveLength(1), patience);
    expect(await enterAtOnce(second, 3, 1)).toHaveLength(0);
  });

  it("need no look at the database as long as invocations follow one another", async () => {
    let takes = 0;
    const watched = new Kysely<Schema>({
      dialect: new PostgresDialect({ pool }),
      log: ({ query }) => {
        if (query.sql.includes("pg_advisory_xact_lock")) takes += 1;
      },
    });
    const slots = gateway({ db: watched });
    for (let index = 0; index < 200; index++) (await slots.enter(userId, 2))?.();
    expect(takes).toBeGreaterThan(0);
    // One, and one more for each second that this machine was busy with something else.
    expect(takes).toBeLessThan(20);
  });

  it("come back from a gateway that was killed", async () => {
    const survivor = gateway();
    await pool.query(
      "insert into whs.concurrency_leases (user_id, gateway_id, slots, expires_at) values ($1, 'dead0000', 3, now() + interval '15 seconds')",
      [userId],
    );
    expect(await enterAtOnce(survivor, 3, 3)).toHaveLength(0);
    await pool.query("update whs.concurrency_leases set expires_at = now() where gateway_id = 'dead0000' and user_id = $1", [userId]);
    expect(await enterAtOnce(survivor, 3, 3)).toHaveLength(3);
  });

  it("are given back when nobody uses them and when the gateway stops", async () => {
    const slots = gateway();
    for (const leave of await enterAtOnce(slots, 5, 5)) leave();
    const held = async (): Promise<number> =>
      (
        await pool.query<{ held: number }>("select coalesce(sum(slots), 0)::int8 as held from whs.concurrency_leases where user_id = $1", [
          userId,
        ])
      ).rows[0]?.held ?? 0;
    expect(await held()).toBe(5);
    await slots.tick();
    await slots.tick();
    expect(await held()).toBe(0);
    await enterAtOnce(slots, 5, 2);
    await slots.close();
    expect(await held()).toBe(0);
  });

  it("are each gateway's part while the database cannot be reached, and shared again afterwards", async () => {
    let down = true;
    const unsteady = new Kysely<Schema>({
      dialect: new PostgresDialect({
        pool: { options: {}, connect: () => (down ? Promise.reject(new Error("down")) : pool.connect()), end: () => Promise.resolve() },
      }),
    });
    const failed = vi.fn<() => void>();
    const slots = gateway({ db: unsteady, gateways: () => 2, reclaim: () => Promise.resolve(), onStoreFailure: failed });
    const places = await enterAtOnce(slots, 10, 20);
    expect(places).toHaveLength(5);
    expect(slots.degraded).toBe(true);
    expect(failed).toHaveBeenCalled();
    down = false;
    await vi.waitFor(async () => {
      for (const leave of await enterAtOnce(slots, 10, 1)) leave();
      expect(slots.degraded).toBe(false);
    }, patience);
    expect(await enterAtOnce(slots, 10, 10)).toHaveLength(5);
    const other = gateway();
    expect(await enterAtOnce(other, 10, 1)).toHaveLength(0);
  });

  it("are never more than the plan has through hundreds of turns of gateways that come and go", async () => {
    const most = 4;
    const all = Array.from({ length: 3 }, () => gateway());
    const inside: (() => void)[] = [];
    let refused = 0;
    for (let turn = 0; turn < 300; turn++) {
      const slots = all[(turn * 7) % all.length] as Slots;
      if (turn % 5 < 3) {
        const place = await slots.enter(userId, most);
        if (place === undefined) refused += 1;
        else inside.push(place);
      } else inside.shift()?.();
      if (turn % 50 === 0) await slots.tick();
      expect(inside.length).toBeLessThanOrEqual(most);
    }
    expect(refused).toBeGreaterThan(0);
  });
});
