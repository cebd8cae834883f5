import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { lockDirectory } from "./lock.ts";
import { identify, isRunning } from "./process-identity.ts";

let directory: string;
let file: string;

beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), "whs-lock-"));
  file = path.join(directory, "stack.lock");
});
afterEach(() => rmSync(directory, { recursive: true }));

test("a directory is held until it is released", async () => {
  const lock = await lockDirectory(directory);
  await expect(lockDirectory(directory)).rejects.toThrow(`process ${process.pid} already runs`);
  lock.record([]);
  await expect(lockDirectory(directory)).rejects.toThrow(`process ${process.pid} already runs`);
  lock.release();
  (await lockDirectory(directory)).release();
  expect(existsSync(file)).toBe(false);
});

test("only the owner can read who holds it", async () => {
  await lockDirectory(directory);
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

test("a lock whose holder is dead is taken over, also when its number belongs to another process now", async () => {
  for (const dead of [
    { pid: 2 ** 22 + 1, startTime: "1" },
    { pid: process.ppid, startTime: "1" },
  ]) {
    writeFileSync(file, JSON.stringify({ ...dead, children: [] }));
    const lock = await lockDirectory(directory);
    expect(readFileSync(file, "utf8")).toContain(`"pid":${process.pid}`);
    lock.release();
  }
});

test("a lock file that was cut off is nobody's", async () => {
  writeFileSync(file, '{"pid":');
  const lock = await lockDirectory(directory);
  expect(readFileSync(file, "utf8")).toContain(`"pid":${process.pid}`);
  lock.release();
});

test("what a dead holder left running is waited for", async () => {
  const orphan = spawn("sleep", ["0.3"], { detached: true, stdio: "ignore" });
  const exited = once(orphan, "exit");
  if (orphan.pid === undefined) throw new Error("sleep did not start");
  const identity = identify(orphan.pid);
  writeFileSync(file, JSON.stringify({ pid: 2 ** 22 + 1, startTime: "1", children: [{ name: "orphan", ...identity }] }));
  const lock = await lockDirectory(directory);
  expect(isRunning(identity)).toBe(false);
  lock.release();
  await exited;
});
