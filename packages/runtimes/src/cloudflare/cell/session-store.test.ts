import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FreshStore, type Write } from "./session-store.ts";

function freshStore() {
  const applied: Write[][] = [];
  const store = new FreshStore(async (writes) => void applied.push([...writes]));
  return { store, applied };
}

describe("the store of a session that holds nothing yet", () => {
  test("reading sends nothing", async () => {
    const { store, applied } = freshStore();
    await store.get("a");
    await store.list();
    await store.delete("a");
    await store.transaction(async (transaction) => transaction.get("a"));
    expect(applied).toEqual([]);
    expect(store.size).toBe(0);
  });

  test("a value is copied on the way in and on the way out", async () => {
    const { store } = freshStore();
    const value = { list: [1] };
    await store.put("a", value);
    value.list.push(2);
    const read = await store.get<{ list: number[] }>("a");
    expect(read).toEqual({ list: [1] });
    read?.list.push(3);
    expect(await store.get("a")).toEqual({ list: [1] });
  });

  test("what cannot be stored is refused before anything is sent", async () => {
    const { store, applied } = freshStore();
    expect(() => store.put("a", () => 1)).toThrow(/could not be cloned/);
    expect(applied).toEqual([]);
  });

  test("a transaction goes out in one piece, or not at all", async () => {
    const { store, applied } = freshStore();
    await store.transaction(async (transaction) => {
      await transaction.put("a", 1);
      await transaction.put("b", 2);
      await transaction.delete("a");
    });
    await expect(
      store.transaction(async (transaction) => {
        await transaction.put("c", 3);
        throw new Error("undo");
      }),
    ).rejects.toThrow("undo");
    expect(applied).toEqual([
      [
        ["put", "a", 1],
        ["put", "b", 2],
        ["delete", "a"],
      ],
    ]);
    expect([...(await store.list()).keys()]).toEqual(["b"]);
  });

  test("a write that fails is told to whoever waits for it", async () => {
    const store = new FreshStore(() => Promise.reject(new Error("disk full")));
    await expect(store.put("a", 1)).rejects.toThrow("disk full");
    await store.settle();
  });

  test("keys are listed by the bytes of UTF-8", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.string({ unit: "binary", minLength: 1, maxLength: 8 }).filter((key) => key.isWellFormed())),
        async (keys) => {
          const { store } = freshStore();
          for (const key of keys) await store.put(key, 1);
          const expected = keys.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
          expect([...(await store.list()).keys()]).toEqual(expected);
          expect([...(await store.list({ reverse: true, limit: 3 })).keys()]).toEqual(expected.toReversed().slice(0, 3));
        },
      ),
    );
  });
});
