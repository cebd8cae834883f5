import { describe, expect, test } from "vitest";
import { applyWrites, type Write } from "../../cell/session-store.ts";
import { listed } from "../../cell/session-store.ts";
import { LeasedStore } from "./session-client.ts";
import type { SessionLease } from "./session-object.ts";

/** A lease on values in memory, which notes when it is let go. */
function memoryLease(values = new Map<string, unknown>()) {
  const state = { values, open: 0, released: 0, applied: [] as (readonly Write[])[] };
  const lease: SessionLease = {
    get: async (key) => values.get(key),
    list: async (options) => listed(values, options),
    async apply(writes) {
      state.applied.push(writes);
      await applyWrites(
        {
          get: async () => undefined,
          put: async (key, value) => void values.set(key, value),
          delete: async (key) => values.delete(key),
          list: async () => new Map(),
        },
        writes,
      );
    },
    settle: async () => values.size > 0,
    [Symbol.dispose]() {
      state.released += 1;
    },
  };
  const open = async () => {
    state.open += 1;
    return lease;
  };
  return { state, store: new LeasedStore(open) };
}

describe("a leased session", () => {
  test("is not opened by an invocation that does not look at it", async () => {
    const { state, store } = memoryLease();
    expect(await store.settle()).toBeNull();
    store.end();
    expect(state).toMatchObject({ open: 0, released: 0 });
  });

  test("is opened once, settled after writes that nobody waited for, and let go at the end", async () => {
    const { state, store } = memoryLease();
    void store.put("a", 1);
    void store.put("b", 2);
    expect(await store.get("b")).toBe(2);
    expect(await store.settle()).toBe(true);
    store.end();
    await expect.poll(() => state.released).toBe(1);
    expect(state.open).toBe(1);
    await expect(store.get("a")).rejects.toThrow(/ended/);
  });

  test("a transaction sees its own writes, and applies all or none of them", async () => {
    const { state, store } = memoryLease(
      new Map<string, unknown>([
        ["a", 1],
        ["b", 2],
        ["c", 3],
      ]),
    );
    await expect(
      store.transaction(async (transaction) => {
        await transaction.put("a", 10);
        throw new Error("undo");
      }),
    ).rejects.toThrow("undo");
    expect(state.applied).toEqual([]);
    await store.transaction(async (transaction) => {
      await transaction.delete("a");
      await transaction.put("d", 4);
      expect(await transaction.get("a")).toBeUndefined();
      expect([...(await transaction.list({ limit: 2 })).keys()]).toEqual(["b", "c"]);
      expect([...(await transaction.list({ reverse: true })).keys()]).toEqual(["d", "c", "b"]);
    });
    expect(state.applied).toEqual([
      [
        ["delete", "a"],
        ["put", "d", 4],
      ],
    ]);
  });

  test("transactions of one invocation do not lose each other's writes", async () => {
    const { store } = memoryLease();
    const raise = () =>
      store.transaction(async (transaction) => {
        const n = (await transaction.get<number>("n")) ?? 0;
        await new Promise((resolve) => setImmediate(resolve));
        await transaction.put("n", n + 1);
      });
    await Promise.all([raise(), raise(), raise()]);
    expect(await store.get("n")).toBe(3);
  });

  test("what is stored is what it was at that moment", async () => {
    const { store } = memoryLease();
    const value = { n: 1 };
    await Promise.all([store.put("k", value), Promise.resolve((value.n = 2))]);
    expect(await store.get("k")).toEqual({ n: 1 });
  });
});
