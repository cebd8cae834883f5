import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import fc from "fast-check";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { SessionStores } from "./session-store.ts";

const directory = mkdtempSync(path.join(tmpdir(), "whs-store-"));
afterAll(() => rmSync(directory, { recursive: true }));

let serial = 0;
let sessionId = "";
beforeEach(() => {
  serial += 1;
  sessionId = `ses_${serial}`;
});

const key = fc.string({ unit: "grapheme", minLength: 1, maxLength: 4 });
const operation = fc.oneof(
  fc.record({ type: fc.constant("put" as const), key, value: fc.integer() }),
  fc.record({ type: fc.constant("delete" as const), key }),
);

describe.each([
  ["in a file", directory],
  ["in memory", path.join(directory, "nowhere")],
])("a session %s", (_name, mount) => {
  const stores = new SessionStores(mount);

  test("lists what was put and not deleted, in the order of the keys' bytes, alone and within a transaction", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(operation, { maxLength: 12 }),
        key,
        fc.boolean(),
        fc.boolean(),
        async (operations, bound, reverse, inside) => {
          serial += 1;
          const { store, leave } = stores.enter(`ses_${serial}`);
          const model = new Map<string, number>();
          const deleted: [boolean, boolean][] = [];
          const run = async (target: Pick<typeof store, "put" | "delete" | "list">): Promise<void> => {
            for (const each of operations) {
              if (each.type === "put") {
                await target.put(each.key, each.value);
                model.set(each.key, each.value);
              } else deleted.push([await target.delete(each.key), model.delete(each.key)]);
            }
            for (const [was, should] of deleted) expect(was).toBe(should);
            const sorted = [...model].toSorted(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
            if (reverse) sorted.reverse();
            const from = (k: string): boolean => Buffer.compare(Buffer.from(k), Buffer.from(bound)) >= 0;
            expect([...(await target.list({ reverse }))]).toEqual(sorted);
            expect([...(await target.list({ reverse, start: bound, limit: 2 }))]).toEqual(sorted.filter(([k]) => from(k)).slice(0, 2));
            expect([...(await target.list({ reverse, end: bound }))]).toEqual(sorted.filter(([k]) => !from(k)));
            expect([...(await target.list({ reverse, prefix: bound }))]).toEqual(sorted.filter(([k]) => k.startsWith(bound)));
          };
          if (inside) await store.transaction(run);
          else await run(store);
          expect(store.isEmpty()).toBe(model.size === 0);
          leave();
        },
      ),
      { numRuns: 25 },
    );
  });

  test("keeps values of every kind that can be cloned, and refuses others and too large ones", async () => {
    const { store, leave } = stores.enter(sessionId);
    const value = { date: new Date(5), map: new Map([["a", new Set([1n])]]), bytes: new Uint8Array([1, 2]), nothing: null };
    await store.put("v", value);
    expect(await store.get("v")).toEqual(value);
    await expect(store.put("f", () => 1)).rejects.toThrow(/could not be cloned/);
    await expect(store.put("big", "x".repeat(2 * 1024 * 1024 + 1))).rejects.toThrow(/larger than/);
    leave();
  });

  test("a transaction that throws changes nothing; two that overlap do not lose each other's writes", async () => {
    const { store, leave } = stores.enter(sessionId);
    await expect(
      store.transaction(async (transaction) => {
        await transaction.put("n", 1);
        throw new Error("undo");
      }),
    ).rejects.toThrow("undo");
    expect(store.isEmpty()).toBe(true);
    const add = () =>
      store.transaction(async (transaction) => {
        const n = (await transaction.get<number>("n")) ?? 0;
        await new Promise((resolve) => setImmediate(resolve));
        await transaction.put("n", n + 1);
      });
    await Promise.all([add(), add(), add()]);
    expect(await store.get("n")).toBe(3);
    leave();
  });

  test("is there again at the next visit, and not after it was forgotten", async () => {
    const first = stores.enter(sessionId);
    await first.store.put("k", "v");
    first.leave();
    const second = stores.enter(sessionId);
    expect(await second.store.get("k")).toBe("v");
    second.leave();
    stores.forget(sessionId);
    const third = stores.enter(sessionId);
    expect(third.store.isEmpty()).toBe(true);
    third.leave();
  });
});
