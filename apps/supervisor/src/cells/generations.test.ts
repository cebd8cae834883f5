import { fork } from "node:child_process";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { releaseLock, takeLock } from "./generations.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "whs-lock-"));
});
afterEach(() => rm(folder, { recursive: true }));

const MODULE = new URL("generations.ts", import.meta.url).href;

/** A process that takes the lock when told to, says whether it got it, and lives until it is killed. */
async function contender(): Promise<{ take(): Promise<boolean>; kill(): Promise<void> }> {
  const script = join(folder, `contender-${Math.random()}.mjs`);
  await writeFile(
    script,
    `import { takeLock } from ${JSON.stringify(MODULE)};
    process.on("message", async () => process.send((await takeLock(${JSON.stringify(join(folder, "lock"))}, "/other")) === null));
    process.send("ready");`,
  );
  const child = fork(script, { execArgv: [] });
  const next = () => new Promise<unknown>((resolve) => child.once("message", resolve));
  await next();
  return {
    take: async () => {
      const answer = next();
      child.send("take");
      return (await answer) === true;
    },
    kill: async () => {
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGKILL");
      await ended;
    },
  };
}

const lock = () => join(folder, "lock");

test("of several processes at once one gets the lock, and the others are told who has it", async () => {
  const contenders = await Promise.all([contender(), contender(), contender()]);
  expect((await Promise.all(contenders.map((one) => one.take()))).filter(Boolean)).toHaveLength(1);
  expect(await takeLock(lock(), "/mine")).toMatchObject({ socketPath: "/other" });
  await Promise.all(contenders.map((one) => one.kill()));
});

test("a lock whose owner was killed goes to one of those who want it", async () => {
  const first = await contender();
  expect(await first.take()).toBe(true);
  const others = await Promise.all([contender(), contender()]);
  expect(await others[0]?.take()).toBe(false);
  await first.kill();
  expect((await Promise.all(others.map((one) => one.take()))).filter(Boolean)).toHaveLength(1);
  await Promise.all(others.map((one) => one.kill()));
});

test("a lock that was given back is free, to its owner as to others, and leaves one file", async () => {
  expect(await takeLock(lock(), "/mine")).toBeNull();
  expect(await takeLock(lock(), "/mine")).toBeNull();
  await releaseLock(lock());
  const other = await contender();
  expect(await other.take()).toBe(true);
  await releaseLock(lock());
  expect(await takeLock(lock(), "/mine")).toMatchObject({ socketPath: "/other" });
  await other.kill();
  expect(await takeLock(lock(), "/mine")).toBeNull();
  expect(await readdir(lock())).toHaveLength(1);
});
