import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { on, once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { chown, copyFile, mkdtemp, readdir, readFile, rename, rm, stat, symlink, truncate, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openSecretStore, rotateMasterKey, type SecretStore, type SecretStoreOptions } from "./index.ts";
import { readMasterKey } from "./master-key.ts";
import { deriveVaultKeys, rewrap } from "./sealed-file.ts";

let dataDir = "";
let options: SecretStoreOptions;
let store: SecretStore;
const children: ChildProcess[] = [];

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "whs-rotate-"));
  options = { url: "local:", dataDir, masterKeyFile: join(dataDir, "master.key") };
  store = await openSecretStore(options);
});
afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill("SIGKILL");
    await once(child, "exit");
  }
  await rm(dataDir, { recursive: true });
});

const vault = (...parts: string[]): string => join(dataDir, "vault", ...parts);
const placeOf = (ref: string): string => ref.replace("local:", "refs/");
const keyrings = (): string[] => readdirSync(vault()).filter((name) => name.startsWith("keyring-"));

/** Runs a module in which the vault's functions are there and `send` talks to this test. */
function run(body: string): ChildProcess {
  const code = `
    import { openSecretStore, rotateMasterKey } from ${JSON.stringify(new URL("./index.ts", import.meta.url).href)};
    const options = ${JSON.stringify(options)};
    const send = (message) => process.send(message);
    ${body}`;
  const child = spawn(process.execPath, ["--no-warnings", "--input-type=module", "-e", code], {
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  children.push(child);
  return child;
}

async function messagesOf<T>(child: ChildProcess): Promise<T[]> {
  const messages: T[] = [];
  for await (const [message] of on(child, "message", { close: ["exit"] })) messages.push(message as T);
  return messages;
}

interface Contents {
  refs: Map<string, string>;
  paths: Map<string, string>;
}

async function fill(secrets: number): Promise<Contents> {
  const refs = new Map<string, string>();
  const paths = new Map<string, string>();
  for (let index = 0; index < secrets; index++) {
    const value = randomBytes(20).toString("hex");
    refs.set(await store.put("agents/a/KEY", value), value);
    if (index % 10 !== 0) continue;
    await store.putByPath(`system/${index}`, value);
    paths.set(`system/${index}`, value);
  }
  return { refs, paths };
}

async function expectWhole(from: SecretStore, { refs, paths }: Contents): Promise<void> {
  for (const [ref, value] of refs) expect(await from.get(ref)).toBe(value);
  for (const [path, value] of paths) expect(await from.getByPath(path)).toBe(value);
}

/** The files whose data key is not wrapped by the key in the master key file. */
async function wrappedByOthers(): Promise<string[]> {
  const masterKey = (await readMasterKey(options.masterKeyFile)) ?? Buffer.alloc(0);
  const keys = deriveVaultKeys(masterKey);
  const places = ["master-key-check", ...["refs", "paths"].flatMap((part) => readdirSync(vault(part)).map((name) => `${part}/${name}`))];
  return places.filter((place) => {
    try {
      return rewrap(keys, place, readFileSync(vault(place))) !== undefined;
    } catch {
      return true;
    }
  });
}

describe("a rotated master key", () => {
  test("is new, and every secret is read with it by servers that run and servers that start", async () => {
    const contents = await fill(30);
    const before = await readFile(options.masterKeyFile);
    expect(await rotateMasterKey(options)).toEqual({ rewrapped: 30 + 3 + 1, damaged: [] });
    expect((await readFile(options.masterKeyFile)).equals(before)).toBe(false);
    await expectWhole(store, contents);
    await expectWhole(await openSecretStore(options), contents);
    expect(await wrappedByOthers()).toEqual([]);
    expect([existsSync(`${options.masterKeyFile}.next`), keyrings().length, (await stat(options.masterKeyFile)).mode & 0o777]).toEqual([
      false,
      1,
      0o600,
    ]);
  });

  test("leaves the old one opening nothing", async () => {
    const ref = await store.put("a", "value");
    const old = join(dataDir, "old.key");
    await copyFile(options.masterKeyFile, old);
    await rotateMasterKey(options);
    await expect(openSecretStore({ ...options, masterKeyFile: old })).rejects.toMatchObject({ code: "wrong_master_key" });
    const oldKey = (await readMasterKey(old)) ?? Buffer.alloc(0);
    const sealed = await readFile(vault(placeOf(ref)));
    expect(() => rewrap(deriveVaultKeys(oldKey), placeOf(ref), sealed)).toThrow(/damaged/);
  });

  test("can be rotated again and again, and well-known paths stay where they are", async () => {
    const contents = await fill(11);
    const ensured = await store.ensure("system/ensured", () => "made once");
    for (let round = 0; round < 4; round++) {
      await rotateMasterKey(options);
      const reopened = await openSecretStore(options);
      await expectWhole(reopened, contents);
      expect(await reopened.ensure("system/ensured", () => "made anew")).toBe(ensured);
      await store.putByPath("system/0", `round ${round}`);
      expect(await reopened.getByPath("system/0")).toBe(`round ${round}`);
      contents.paths.set("system/0", `round ${round}`);
    }
    expect(await wrappedByOthers()).toEqual([]);
    expect(keyrings()).toHaveLength(1);
  });

  test("does not make an old orphan a young one", async () => {
    const ref = await store.put("a", "orphan");
    const hoursAgo = (hours: number): Date => new Date(Date.now() - hours * 3_600_000);
    await utimes(vault(placeOf(ref)), hoursAgo(2), hoursAgo(2));
    await rotateMasterKey(options);
    expect(await store.sweep(new Set(), hoursAgo(1))).toBe(1);
  });

  test("replaces what a link points to, not the link", async () => {
    const target = join(dataDir, "target.key");
    await rename(options.masterKeyFile, target);
    await symlink(target, options.masterKeyFile);
    const before = await readFile(target);
    await rotateMasterKey(options);
    expect((await readFile(target)).equals(before)).toBe(false);
    expect((await readFile(options.masterKeyFile)).equals(await readFile(target))).toBe(true);
  });

  test("is not held up by a file that is damaged, and names it", async () => {
    const [broken, whole] = [await store.put("a", "broken"), await store.put("a", "whole")];
    await truncate(vault(placeOf(broken)), 10);
    expect(await rotateMasterKey(options)).toEqual({ rewrapped: 2, damaged: [placeOf(broken)] });
    expect(await store.get(whole)).toBe("whole");
    await expect(store.get(broken)).rejects.toMatchObject({ code: "damaged" });
  });
});

describe("a rotation", () => {
  test("of a key that belongs elsewhere, or is gone, changes nothing", async () => {
    await store.put("a", "value");
    const key = await readFile(options.masterKeyFile);
    await writeFile(options.masterKeyFile, randomBytes(32));
    await expect(rotateMasterKey(options)).rejects.toMatchObject({ code: "wrong_master_key" });
    await rm(options.masterKeyFile);
    await expect(rotateMasterKey(options)).rejects.toMatchObject({ code: "master_key_missing" });
    await writeFile(options.masterKeyFile, key, { mode: 0o600 });
    expect([existsSync(`${options.masterKeyFile}.next`), keyrings(), await wrappedByOthers()]).toEqual([false, [], []]);
  });

  test.runIf(process.getuid?.() === 0)("by another user than the key's owner is refused", async () => {
    await chown(options.masterKeyFile, 65_534, 65_534);
    await expect(rotateMasterKey(options)).rejects.toMatchObject({ code: "denied" });
  });

  test("where a server runs is followed by that server alone to a key that opens the vault", async () => {
    const ref = await store.put("a", "value");
    const key = await readFile(options.masterKeyFile);
    await writeFile(options.masterKeyFile, randomBytes(32));
    await expect(store.put("a", "sealed by a stranger")).rejects.toMatchObject({ code: "wrong_master_key" });
    await expect(store.healthcheck()).rejects.toMatchObject({ code: "wrong_master_key" });
    expect(await readdir(vault("refs"))).toHaveLength(1);
    await writeFile(options.masterKeyFile, key);
    expect(await store.get(ref)).toBe("value");
  });

  test("that many start at once is one at a time, and loses nothing", async () => {
    const contents = await fill(60);
    const body = `
      const outcome = await rotateMasterKey(options).then(() => "rotated", (error) => error.code);
      send(outcome);
      process.disconnect();`;
    const outcomes = (await Promise.all(Array.from({ length: 4 }, () => messagesOf<string>(run(body))))).flat();
    expect(outcomes).toHaveLength(4);
    expect(outcomes).toContain("rotated");
    expect(outcomes.filter((outcome) => outcome !== "rotated" && outcome !== "unavailable")).toEqual([]);
    await expectWhole(store, contents);
    expect(await wrappedByOthers()).toEqual([]);
  });

  test("under servers that read, write, replace and delete disturbs none of them", async () => {
    const contents = await fill(100);
    const body = `
      const store = await openSecretStore(options);
      const kept = [];
      const deleted = [];
      let last = "";
      let rounds = 0;
      const work = (async () => {
        for (; !done; rounds++) {
          const value = process.pid + "-" + rounds;
          const [ref, doomed] = [await store.put("a", value), await store.put("a", value)];
          await store.delete(doomed);
          await store.putByPath("system/" + process.pid, value);
          if ((await store.get(ref)) !== value || (await store.getByPath("system/" + process.pid)) !== value) throw new Error("lost");
          if ((await store.ensure("system/shared", () => value)) === undefined) throw new Error("nothing");
          kept.push([ref, value]);
          deleted.push(doomed);
          last = value;
          if (rounds === 0) send({ ready: true });
        }
      })();
      var done = false;
      process.on("message", () => { done = true; });
      await work;
      send({ kept, deleted, last, rounds, pid: process.pid });
      process.disconnect();`;
    const workers = [run(body), run(body)];
    const reports = workers.map((worker) =>
      messagesOf<{ kept: [string, string][]; deleted: string[]; last: string; rounds: number; pid: number }>(worker),
    );
    await Promise.all(workers.map((worker) => once(worker, "message")));
    for (let round = 0; round < 5; round++) await rotateMasterKey(options);
    for (const worker of workers) worker.send("done");
    const results = (await Promise.all(reports)).map((messages) => messages.at(-1));
    const reopened = await openSecretStore(options);
    await expectWhole(reopened, contents);
    for (const result of results) {
      expect(result?.rounds).toBeGreaterThan(5);
      for (const [ref, value] of result?.kept ?? []) expect(await reopened.get(ref)).toBe(value);
      for (const ref of result?.deleted ?? []) expect(await reopened.get(ref)).toBeUndefined();
      expect(await reopened.getByPath(`system/${result?.pid}`)).toBe(result?.last);
    }
    expect(await wrappedByOthers()).toEqual([]);
  });

  test("overtakes requests that began before it, and none of them fails or keeps the old key in use", async () => {
    const contents = await fill(50);
    const child = run(`process.once("message", async () => { await rotateMasterKey(options); process.disconnect(); }); send("ready");`);
    await once(child, "message");
    const exited = once(child, "exit");
    child.send("go");
    // Many at once: each looks at the keys at the start, and comes to its file much later.
    const [refs, writes] = [[...contents.refs], [] as Promise<string>[]];
    while (child.exitCode === null) {
      writes.push(...Array.from({ length: 300 }, () => store.put("a", "written in between")));
      const read = await Promise.all(Array.from({ length: 600 }, (_, index) => store.get(refs[index % 50]?.[0] ?? "")));
      expect(read.every((value, index) => value === refs[index % 50]?.[1])).toBe(true);
    }
    await exited;
    await Promise.all(writes);
    expect(writes.length).toBeGreaterThan(100);
    expect(await wrappedByOthers()).toEqual([]);
  });

  const unfinished = (): boolean => keyrings().length > 1;
  test.each<[string, (key: Buffer) => boolean]>([
    ["at once", () => true],
    ["with the new key beside the old", () => existsSync(`${options.masterKeyFile}.next`)],
    ["with the new keyring there", () => keyrings().length > 1],
    ["with the new key in place", (key) => !readFileSync(options.masterKeyFile).equals(key)],
  ])("that is killed %s loses nothing, and the next one finishes it", async (_, reached) => {
    // Once, so that there is a keyring to replace.
    await rotateMasterKey(options);
    const contents = await fill(150);
    for (let round = 0; round < 2; round++) {
      const key = await readFile(options.masterKeyFile);
      const child = run(`send("ready"); await rotateMasterKey(options); process.disconnect();`);
      await once(child, "message");
      while (!reached(key) && child.exitCode === null) await nextTurn();
      child.kill("SIGKILL");
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
      // In the first of these a part of the secrets is wrapped by the one key, a part by the other.
      await expectWhole(store, contents);
      const reopened = await openSecretStore(options);
      await expectWhole(reopened, contents);
      const written = await reopened.put("a", "written in between");
      contents.refs.set(written, "written in between");
      await rotateMasterKey(options);
      await expectWhole(store, contents);
      expect([await wrappedByOthers(), unfinished(), existsSync(`${options.masterKeyFile}.next`)]).toEqual([[], false, false]);
    }
  });

  test("that was cut short is finished with the key it made", async () => {
    const contents = await fill(300);
    const before = await readFile(options.masterKeyFile);
    const child = run(`send("ready"); await rotateMasterKey(options); process.disconnect();`);
    await once(child, "message");
    while (readFileSync(options.masterKeyFile).equals(before)) await nextTurn();
    child.kill("SIGKILL");
    await once(child, "exit");
    const left = (await wrappedByOthers()).length;
    expect(left).toBeGreaterThan(0);
    const made = await readFile(options.masterKeyFile);
    expect(await rotateMasterKey(options)).toEqual({ rewrapped: left, damaged: [] });
    expect((await readFile(options.masterKeyFile)).equals(made)).toBe(true);
    await expectWhole(store, contents);
  });
});
