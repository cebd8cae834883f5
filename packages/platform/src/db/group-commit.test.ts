import * as fc from "fast-check";
import { expect, test } from "vitest";
import { createGroupCommit, QueueFullError } from "./group-commit.ts";

/** A commit that a test ends when it likes. */
function controlled() {
  const groups: { items: readonly number[]; end: (results: readonly string[]) => void; fail: (error: Error) => void }[] = [];
  const commit = (items: readonly number[]): Promise<readonly string[]> =>
    new Promise((end, fail) => groups.push({ items, end: (results) => end(results), fail }));
  return { groups, commit };
}
const words = (items: readonly number[]): string[] => items.map((item) => `item ${item}`);
const instant = async (items: readonly number[]): Promise<string[]> => words(items);
const never = 2 ** 31 - 1;

test("items that come together are committed together, and each gets its own result", async () => {
  const groups: number[][] = [];
  const group = createGroupCommit({
    waitMs: 1,
    maxItems: 100,
    maxQueued: 100,
    commit: async (items: readonly number[]) => (groups.push([...items]), words(items)),
  });
  expect(await Promise.all([1, 2, 3].map((item) => group.add(item)))).toEqual(["item 1", "item 2", "item 3"]);
  expect(groups).toEqual([[1, 2, 3]]);
});

test("a full group does not wait, and one commit runs at a time", async () => {
  const { groups, commit } = controlled();
  const group = createGroupCommit({ waitMs: 0, maxItems: 2, maxQueued: 100, commit });
  const results = [1, 2, 3].map((item) => group.add(item));
  expect(groups.map(({ items }) => items)).toEqual([[1, 2]]);
  expect(group.queued).toBe(1);
  groups[0]?.end(["a", "b"]);
  expect(await Promise.all(results.slice(0, 2))).toEqual(["a", "b"]);
  // What came meanwhile has waited long enough.
  await expect.poll(() => groups.length).toBe(2);
  groups[1]?.end(["c"]);
  expect(await results[2]).toBe("c");
});

test("what comes while a commit runs waits for others like the first, unless the group is full", async () => {
  const { groups, commit } = controlled();
  const group = createGroupCommit({ waitMs: never, maxItems: 2, maxQueued: 100, commit });
  const results = [1, 2, 3].map((item) => group.add(item));
  groups[0]?.end(["a", "b"]);
  await Promise.all(results.slice(0, 2));
  expect(group.queued).toBe(1);
  results.push(group.add(4));
  expect(groups[1]?.items).toEqual([3, 4]);
  groups[1]?.end(["c", "d"]);
  expect(await Promise.all(results)).toEqual(["a", "b", "c", "d"]);
});

test("a failed commit fails its own group and no other", async () => {
  const { groups, commit } = controlled();
  const group = createGroupCommit({ waitMs: never, maxItems: 2, maxQueued: 100, commit });
  const results = Promise.allSettled([1, 2, 3, 4].map((item) => group.add(item)));
  const failure = new Error("disk full");
  groups[0]?.fail(failure);
  await expect.poll(() => groups.length).toBe(2);
  groups[1]?.end(["c", "d"]);
  expect(await results).toEqual([
    { status: "rejected", reason: failure },
    { status: "rejected", reason: failure },
    { status: "fulfilled", value: "c" },
    { status: "fulfilled", value: "d" },
  ]);
});

test("a commit that throws at once, or answers another number of results, fails its group", async () => {
  const throwing = createGroupCommit<number, string>({
    waitMs: 1,
    maxItems: 1,
    maxQueued: 1,
    commit: () => {
      throw new Error("at once");
    },
  });
  await expect(throwing.add(1)).rejects.toThrow("at once");
  const short = createGroupCommit<number, string>({ waitMs: 1, maxItems: 1, maxQueued: 1, commit: async () => [] });
  await expect(short.add(1)).rejects.toThrow("A group of 1 was answered with 0 results");
});

test("beyond its bound the queue refuses, and takes more once it has drained", async () => {
  const { groups, commit } = controlled();
  const group = createGroupCommit({ waitMs: never, maxItems: 1, maxQueued: 2, commit });
  const results = [group.add(1), group.add(2), group.add(3)];
  await expect(group.add(4)).rejects.toThrow(QueueFullError);
  groups[0]?.end(["a"]);
  await results[0];
  await expect.poll(() => groups.length).toBe(2);
  results.push(group.add(5));
  for (const index of [1, 2, 3]) {
    await expect.poll(() => groups.length).toBe(index + 1);
    groups[index]?.end(["x"]);
  }
  expect(await Promise.all(results)).toEqual(["a", "x", "x", "x"]);
});

test("flush commits what waits and what is added meanwhile, and ends when nothing is left", async () => {
  const group = createGroupCommit({ waitMs: never, maxItems: 2, maxQueued: 100, commit: instant });
  const results = [group.add(1), group.add(2), group.add(3)];
  const later = results[0]?.then(() => group.add(4));
  await group.flush();
  expect(group.queued).toBe(0);
  expect(await Promise.all([...results, later])).toEqual(["item 1", "item 2", "item 3", "item 4"]);
  await group.flush();
});

test("flush outlasts a failing commit", async () => {
  const group = createGroupCommit<number, string>({
    waitMs: never,
    maxItems: 1,
    maxQueued: 10,
    commit: () => Promise.reject(new Error("down")),
  });
  const results = Promise.allSettled([group.add(1), group.add(2)]);
  await group.flush();
  expect((await results).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
});

test("no item is forgotten, however many turns after a result the next one is added", async () => {
  for (let turns = 0; turns < 20; turns++) {
    const group = createGroupCommit({ waitMs: 1, maxItems: 10, maxQueued: 10, commit: instant });
    await group.add(1);
    for (let turn = 0; turn < turns; turn++) await Promise.resolve();
    expect(await group.add(2)).toBe("item 2");
  }
});

test("whatever comes when, every item is committed once, in order, and gets its own result", async () => {
  const scenario = fc.record({
    maxItems: fc.integer({ min: 1, max: 5 }),
    pauses: fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 30 }),
  });
  const property = async ({ maxItems, pauses }: { maxItems: number; pauses: number[] }): Promise<boolean> => {
    const committed: number[] = [];
    const commit = async (items: readonly number[]): Promise<string[]> => {
      await Promise.resolve();
      committed.push(...items);
      return words(items);
    };
    const group = createGroupCommit({ waitMs: 0, maxItems, maxQueued: 100, commit });
    const results: Promise<string>[] = [];
    for (const [item, pause] of pauses.entries()) {
      for (let turn = 0; turn < pause; turn++) await Promise.resolve();
      results.push(group.add(item));
    }
    const order = [...pauses.keys()];
    return JSON.stringify([await Promise.all(results), committed]) === JSON.stringify([words(order), order]);
  };
  await fc.assert(fc.asyncProperty(scenario, property));
});
