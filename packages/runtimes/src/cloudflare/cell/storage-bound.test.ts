import type { SessionStorage } from "@whs/agent";
import { expect, test } from "vitest";
import { FreshStore } from "./session-store.ts";
import { boundedStore, bytesPut, StorageFull } from "./storage-bound.ts";

function bounded(room: number): { store: SessionStorage; setRoom: (bytes: number) => void } {
  let left = room;
  const store = boundedStore(new FreshStore(() => Promise.resolve()), () => left);
  return { store, setRoom: (bytes) => (left = bytes) };
}

test("without room nothing is put, and everything else goes on", async () => {
  const { store, setRoom } = bounded(1);
  await store.put("k", "v");
  setRoom(0);
  await expect(store.put("k", "other")).rejects.toBeInstanceOf(StorageFull);
  expect(await store.get("k")).toBe("v");
  expect([...(await store.list()).keys()]).toEqual(["k"]);
  expect(await store.delete("k")).toBe(true);
});

test("a transaction that puts something without room is undone, and one that deletes is not", async () => {
  const { store, setRoom } = bounded(1);
  await store.put("k", "v");
  setRoom(-1);
  await expect(
    store.transaction(async (transaction) => {
      await transaction.delete("k");
      await transaction.put("other", "v");
    }),
  ).rejects.toBeInstanceOf(StorageFull);
  expect(await store.get("k")).toBe("v");
  await store.transaction((transaction) => transaction.delete("k"));
  expect(await store.get("k")).toBeUndefined();
});

test("what is put is counted by its bytes, whatever it is made of", () => {
  const text = "x".repeat(1000);
  for (const value of [text, new Uint8Array(1000), new ArrayBuffer(1000), [text], { key: { deep: text } }, new Map([["k", text]])])
    expect(bytesPut([["put", "key", value]])).toBeGreaterThanOrEqual(1000);
  expect(bytesPut([["delete", "key"]])).toBe(0);
});
