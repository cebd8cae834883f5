import { expect, test } from "vitest";
import { Gate } from "./gate.ts";

test("no more run at once than may, whoever waits has a turn, and when too many wait, another is refused", async () => {
  const gate = new Gate(3);
  let running = 0;
  let most = 0;
  const release: (() => void)[] = [];
  const work = async (): Promise<string> => {
    running += 1;
    most = Math.max(most, running);
    await new Promise<void>((resolve) => release.push(resolve));
    running -= 1;
    return "done";
  };
  const all = Array.from({ length: 5 }, () => gate.run(2, work));
  await expect(gate.run(2, work)).rejects.toThrow(/waiting/);
  const ended = Promise.all(all);
  for (let turns = 0; turns < 5; turns += 1) {
    await expect.poll(() => release.length).toBeGreaterThan(0);
    release.shift()?.();
  }
  expect(await ended).toEqual(Array.from({ length: 5 }, () => "done"));
  expect(most).toBe(2);
  expect(await gate.run(1, () => Promise.resolve("free again"))).toBe("free again");
});

test("work that fails gives its place back", async () => {
  const gate = new Gate(1);
  await expect(gate.run(1, () => Promise.reject(new Error("broken")))).rejects.toThrow("broken");
  expect(await gate.run(1, () => Promise.resolve("next"))).toBe("next");
});
