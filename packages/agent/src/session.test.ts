import { describe, expect, test } from "vitest";
import { createSession, statelessSession } from "./session.ts";
import type { ListOptions, SessionStorage, StorageOperations } from "./types.ts";

/** The smallest store that keeps the contract, for what lies above it. */
class MapStore implements SessionStorage {
  values = new Map<string, unknown>();
  async get<T>(key: string) {
    return this.values.get(key) as T | undefined;
  }
  async put(key: string, value: unknown) {
    this.values.set(key, value);
  }
  async delete(key: string) {
    return this.values.delete(key);
  }
  async list<T>({ prefix = "", start = "", end, reverse = false, limit = Infinity }: ListOptions = {}) {
    const keys = [...this.values.keys()]
      .filter((key) => key.startsWith(prefix) && key >= start && (end === undefined || key < end))
      .toSorted();
    if (reverse) keys.reverse();
    return new Map(keys.slice(0, limit).map((key) => [key, this.values.get(key) as T]));
  }
  async transaction<R>(run: (transaction: StorageOperations) => Promise<R>) {
    const before = new Map(this.values);
    try {
      return await run(this);
    } catch (error) {
      this.values = before;
      throw error;
    }
  }
}

describe("a session's storage", () => {
  test("an agent's keys and the kept messages never meet", async () => {
    const store = new MapStore();
    const { storage, messages } = createSession("ses_1", store);
    await messages.append({ role: "user", content: "hello" });
    await storage.put("m/000000000000", "mine");
    expect([...(await storage.list()).keys()]).toEqual(["m/000000000000"]);
    expect(await messages.list()).toEqual([{ role: "user", content: "hello" }]);
    await messages.clear();
    expect(await storage.get("m/000000000000")).toBe("mine");
  });

  test("bounds of a list are the agent's own keys", async () => {
    const { storage } = createSession("ses_1", new MapStore());
    for (const key of ["a", "b1", "b2", "c"]) await storage.put(key, key);
    expect([...(await storage.list({ prefix: "b" })).keys()]).toEqual(["b1", "b2"]);
    expect([...(await storage.list({ start: "b1", end: "c" })).keys()]).toEqual(["b1", "b2"]);
    expect([...(await storage.list({ reverse: true, limit: 2 })).keys()]).toEqual(["c", "b2"]);
  });

  test("a transaction that throws leaves nothing", async () => {
    const { storage } = createSession("ses_1", new MapStore());
    await expect(
      storage.transaction(async (transaction) => {
        await transaction.put("a", 1);
        throw new Error("no");
      }),
    ).rejects.toThrow("no");
    expect(await storage.get("a")).toBeUndefined();
  });

  test.each(["", "x".repeat(1025), "ü".repeat(513)])("a key of no or too many bytes is refused", async (key) => {
    const { storage } = createSession("ses_1", new MapStore());
    expect(() => storage.put(key, 1)).toThrow(TypeError);
  });

  test("undefined is no value", () => {
    const { storage } = createSession("ses_1", new MapStore());
    expect(() => storage.put("a", undefined)).toThrow(/delete/);
  });
});

describe("kept messages", () => {
  test("messages come back in order, across appends, and only role and content are kept", async () => {
    const { messages } = createSession("ses_1", new MapStore());
    await messages.append({ role: "user", content: "1" }, { role: "assistant", content: "2" });
    await messages.append(Object.assign({ role: "user" as const, content: "3" }, { more: true }));
    expect(await messages.list()).toEqual([
      { role: "user", content: "1" },
      { role: "assistant", content: "2" },
      { role: "user", content: "3" },
    ]);
  });
});

test("the session of a stateless agent refuses every use and says why", async () => {
  const { id, storage, messages } = statelessSession();
  expect(id).toBeNull();
  for (const use of [() => storage.get("a"), () => storage.put("a", 1), () => storage.list(), () => messages.list()])
    await expect(use()).rejects.toThrow(/sessionful/);
});
