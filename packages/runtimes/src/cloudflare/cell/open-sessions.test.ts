import { expect, test } from "vitest";
import { OpenSessions, TooManySessions } from "./open-sessions.ts";

function opener(most: number) {
  const sessions = new OpenSessions();
  const closed: string[] = [];
  const used = new Set<string>();
  const open = (objectId: string, now = 0) =>
    sessions.open(objectId, {
      most,
      now,
      inUse: (id) => used.has(id),
      close: (id) => {
        closed.push(id);
        return Promise.resolve();
      },
    });
  return { open, closed, used };
}

test("the session that was used longest ago is closed for a new one", async () => {
  const { open, closed } = opener(2);
  for (const id of ["a", "b", "a", "c"]) await open(id);
  expect(closed).toEqual(["b"]);
});

test("a session in use is not closed, and when all are, another one is refused", async () => {
  const { open, closed, used } = opener(2);
  for (const id of ["a", "b"]) {
    used.add(id);
    await open(id);
  }
  await expect(open("c")).rejects.toBeInstanceOf(TooManySessions);
  await open("a");
  used.delete("b");
  await open("c");
  expect(closed).toEqual(["b"]);
});

test("a session that has long closed by itself is not opened again to be closed", async () => {
  const { open, closed } = opener(1);
  await open("a", 0);
  await open("b", 60_000);
  expect(closed).toEqual([]);
});
