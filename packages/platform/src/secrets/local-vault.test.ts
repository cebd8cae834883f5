import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { on } from "node:events";
import { chmodSync } from "node:fs";
import { chmod, copyFile, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, truncate, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ConfigurationError } from "../config/index.ts";
import { openSecretStore, type SecretStore, SecretStoreError, type SecretStoreOptions } from "./index.ts";
import { asNobody } from "../testing/as-nobody.ts";
import { describeSecretStore } from "./testing/conformance.ts";

let dataDir = "";
let options: SecretStoreOptions;
let store: SecretStore;
const children: ChildProcess[] = [];

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "whs-secrets-"));
  options = { url: "local:", dataDir, masterKeyFile: join(dataDir, "keys", "master.key") };
  store = await openSecretStore(options);
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  await rm(dataDir, { recursive: true, force: true });
});

const vault = (...parts: string[]) => join(dataDir, "vault", ...parts);
const fileOf = (ref: string) => vault("refs", ref.replace("local:", ""));
const SENTINEL = "s3ntinel-value-7f3a";

let takeBackRights: (() => void) | undefined;
describeSecretStore("local", async () => ({
  open: () => openSecretStore(options),
  faults: {
    damage: async (ref) => {
      const sealed = await readFile(fileOf(ref));
      sealed[sealed.length - 1] = (sealed.at(-1) ?? 0) ^ 1;
      await writeFile(fileOf(ref), sealed);
    },
    deny: async () => {
      takeBackRights = asNobody();
      if (takeBackRights === undefined) {
        await chmod(vault(), 0o000);
        takeBackRights = () => chmodSync(vault(), 0o700);
      }
    },
    stop: async () => {
      await rm(dataDir, { recursive: true });
      await writeFile(dataDir, "a file where the directory was");
    },
  },
  close: async () => {
    takeBackRights?.();
    takeBackRights = undefined;
  },
}));

/** Runs a module in which `store` is open and `send` talks to this test. */
function run(body: string): ChildProcess {
  const code = `
    import { openSecretStore } from ${JSON.stringify(new URL("./index.ts", import.meta.url).href)};
    const send = (message) => process.send(message);
    const store = await openSecretStore(${JSON.stringify(options)});
    ${body}`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", code], { stdio: ["ignore", "ignore", "inherit", "ipc"] });
  children.push(child);
  return child;
}

async function messagesOf<T>(child: ChildProcess, each?: (all: T[]) => void): Promise<T[]> {
  const messages: T[] = [];
  for await (const [message] of on(child, "message", { close: ["exit"] })) {
    messages.push(message as T);
    each?.(messages);
  }
  return messages;
}

async function everyByte(directory: string): Promise<string> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const contents = await Promise.all(files.map(async (file) => `${file}\n${await readFile(file, "latin1")}`));
  return contents.join("\n");
}

describe("a secret", () => {
  test("comes back as it was stored, in this process and in another", async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: "binary", maxLength: 500 }), async (value) => {
        const wellFormed = value.toWellFormed();
        expect(await store.get(await store.put("agents/agt_1/KEY", wellFormed))).toBe(wellFormed);
      }),
      { numRuns: 50 },
    );
    const ref = await store.put("agents/agt_1/KEY", SENTINEL);
    expect(await (await openSecretStore(options)).get(ref)).toBe(SENTINEL);
    expect(await messagesOf(run(`send(await store.get(${JSON.stringify(ref)})); process.disconnect();`))).toEqual([SENTINEL]);
  });

  test("shows neither path nor value in any file or file name", async () => {
    await store.put("agents/agt_1/STRIPE_KEY", SENTINEL);
    await store.putByPath("system/telemetry-root/k1", SENTINEL);
    const stored = await everyByte(dataDir);
    expect(stored).not.toMatch(/s3ntinel|STRIPE|agt_1|telemetry/);
    expect(stored).toContain("WHSS");
  });

  test("lies in files that only their owner may read", async () => {
    const ref = await store.put("a", SENTINEL);
    const modes = await Promise.all(
      [options.masterKeyFile, fileOf(ref), vault(), vault("refs"), vault("paths")].map(async (path) => (await stat(path)).mode & 0o777),
    );
    expect(modes.map((mode) => mode.toString(8))).toEqual(["600", "600", "700", "700", "700"]);
  });

  test("equal to another looks different on the disk", async () => {
    const refs = [await store.put("a", SENTINEL), await store.put("a", SENTINEL)];
    const [one, two] = await Promise.all(refs.map((ref) => readFile(fileOf(ref))));
    expect(one?.equals(two ?? Buffer.alloc(0))).toBe(false);
    expect(one?.subarray(-20).equals(two?.subarray(-20) ?? Buffer.alloc(0))).toBe(false);
  });

  test("has no reference but those of this store, which never lead out of it", async () => {
    expect(await store.get(`local:${"0".repeat(32)}`)).toBeUndefined();
    for (const ref of [
      "",
      "local:",
      "local:../master-key-check",
      `local:${"0".repeat(31)}/`,
      "openbao:secret/x#1",
      `local:${"0".repeat(32)}\n`,
    ]) {
      await expect(store.get(ref)).rejects.toMatchObject({ name: "SecretStoreError", code: "invalid_ref" });
      await expect(store.delete(ref)).rejects.toMatchObject({ name: "SecretStoreError", code: "invalid_ref" });
    }
  });
});

describe("a well-known path", () => {
  test("is made once by ensure and kept", async () => {
    let made = 0;
    const ensure = () => store.ensure("system/x", () => `value ${(made += 1)}`);
    expect([await ensure(), await ensure(), await (await openSecretStore(options)).ensure("system/x", () => "other")]).toEqual([
      "value 1",
      "value 1",
      "value 1",
    ]);
  });

  test("gets one value from many that ensure it at once", async () => {
    for (let round = 0; round < 10; round++) {
      const values = await Promise.all(
        Array.from({ length: 8 }, () => store.ensure(`system/round-${round}`, () => randomBytes(16).toString("hex"))),
      );
      expect(new Set(values).size).toBe(1);
      expect(await store.getByPath(`system/round-${round}`)).toBe(values[0]);
    }
    expect(await readdir(vault("tmp"))).toEqual([]);
  });

  test("is not made anew when what is there is damaged", async () => {
    await store.putByPath("system/x", SENTINEL);
    const [name] = await readdir(vault("paths"));
    await truncate(vault("paths", name ?? ""), 20);
    await expect(store.ensure("system/x", () => "new")).rejects.toMatchObject({ code: "damaged" });
  });
});

describe("a stored file", () => {
  test("that was changed in any byte, cut or lengthened does not open, and the error shows no value", async () => {
    const ref = await store.put("agents/agt_1/KEY", SENTINEL);
    const original = await readFile(fileOf(ref));
    const damagedForms = [...original.keys()].flatMap((at) => {
      const changed = Buffer.from(original);
      changed[at] = original.readUInt8(at) ^ 0x01;
      return [changed, original.subarray(0, at)];
    });
    for (const form of [...damagedForms, Buffer.concat([original, Buffer.of(0)]), Buffer.alloc(0), Buffer.alloc(2_000_000)]) {
      await writeFile(fileOf(ref), form);
      const error: unknown = await store.get(ref).catch((caught: unknown) => caught);
      expect(error).toMatchObject({ name: "SecretStoreError", code: "damaged" });
      expect(`${String(error)} ${JSON.stringify(error)}`).not.toContain("s3ntinel");
    }
    await writeFile(fileOf(ref), original);
    expect(await store.get(ref)).toBe(SENTINEL);
  });

  test("that was swapped with another, or put in place of a well-known one, does not open", async () => {
    const [one, two] = [await store.put("a", "one"), await store.put("a", "two")];
    await copyFile(fileOf(one), fileOf(two));
    await expect(store.get(two)).rejects.toMatchObject({ code: "damaged" });
    await store.putByPath("system/x", "x");
    await store.putByPath("system/y", "y");
    const [first, second] = await readdir(vault("paths"));
    await rename(vault("paths", first ?? ""), vault("paths", second ?? ""));
    const outcomes = await Promise.all(
      ["system/x", "system/y"].map((path) => store.getByPath(path).catch((error: unknown) => (error as SecretStoreError).code)),
    );
    expect(outcomes.toSorted()).toEqual(["damaged", undefined]);
  });

  test("of a vault with another master key does not open, data key and all", async () => {
    const other = await openSecretStore({ ...options, dataDir: join(dataDir, "other"), masterKeyFile: join(dataDir, "other.key") });
    const ref = await store.put("a", SENTINEL);
    await copyFile(fileOf(ref), join(dataDir, "other", "vault", "refs", ref.replace("local:", "")));
    await expect(other.get(ref)).rejects.toMatchObject({ code: "damaged" });
  });
});

describe("the master key", () => {
  const fresh = () => ({ url: "local:", dataDir: join(dataDir, "fresh"), masterKeyFile: join(dataDir, "fresh.key") });

  test("is 32 random bytes of its own for each vault", async () => {
    await openSecretStore(fresh());
    const [one, two] = [await readFile(options.masterKeyFile), await readFile(fresh().masterKeyFile)];
    expect([one.length, two.length, one.equals(two)]).toEqual([32, 32, false]);
  });

  test.each([
    ["hex", (key: Buffer) => `${key.toString("hex")}\n`],
    ["base64", (key: Buffer) => `${key.toString("base64")}\n`],
  ])("may be given in %s and stands for the same key", async (_, write) => {
    const ref = await store.put("a", SENTINEL);
    await writeFile(options.masterKeyFile, write(await readFile(options.masterKeyFile)));
    expect(await (await openSecretStore(options)).get(ref)).toBe(SENTINEL);
  });

  test.each(["", "short", "x".repeat(33), "g".repeat(64), "0".repeat(1_000)])("that is not one stops the start: %j", async (content) => {
    await writeFile(fresh().masterKeyFile, content, { mode: 0o600 });
    await expect(openSecretStore(fresh())).rejects.toMatchObject({ name: "SecretStoreError", code: "master_key_unusable" });
  });

  test("that others may read stops the start; one that the group may read, as mounted secrets are, does not", async () => {
    await chmod(options.masterKeyFile, 0o644);
    await expect(openSecretStore(options)).rejects.toMatchObject({
      code: "master_key_unusable",
      message: expect.stringContaining("chmod 600") as string,
    });
    await chmod(options.masterKeyFile, 0o440);
    await expect(openSecretStore(options)).resolves.toBeDefined();
  });

  test("of another vault stops the start and names the file", async () => {
    await writeFile(options.masterKeyFile, randomBytes(32));
    await expect(openSecretStore(options)).rejects.toMatchObject({
      code: "wrong_master_key",
      message: expect.stringContaining(options.masterKeyFile) as string,
    });
  });

  test("that is gone stops the start and is not replaced", async () => {
    await rm(options.masterKeyFile);
    await expect(openSecretStore(options)).rejects.toMatchObject({ code: "master_key_missing" });
    expect(await readdir(join(dataDir, "keys"))).toEqual([]);
  });

  test("is not trusted when a vault with secrets has lost its check", async () => {
    await store.put("a", SENTINEL);
    await rm(vault("master-key-check"));
    await expect(openSecretStore(options)).rejects.toMatchObject({ code: "wrong_master_key" });
    await expect(store.healthcheck()).rejects.toMatchObject({ code: "damaged" });
  });

  test("is finished by the next start when the first one was cut off right after making it", async () => {
    await openSecretStore(fresh());
    await rm(join(fresh().dataDir, "vault"), { recursive: true });
    const reopened = await openSecretStore(fresh());
    expect(await reopened.get(await reopened.put("a", SENTINEL))).toBe(SENTINEL);
  });
});

describe("several processes", () => {
  test("that start at once on nothing share one master key and one value", async () => {
    for (let round = 0; round < 3; round++) {
      options = { url: "local:", dataDir: join(dataDir, `round-${round}`), masterKeyFile: join(dataDir, `round-${round}`, "master.key") };
      const body = `
        const value = await store.ensure("system/telemetry-root/k1", () => String(process.pid));
        send({ value, ref: await store.put("a", value) });
        process.disconnect();`;
      const answers = await Promise.all(Array.from({ length: 4 }, () => messagesOf<{ value: string; ref: string }>(run(body))));
      expect(answers.flat()).toHaveLength(4);
      expect(new Set(answers.flat().map(({ value }) => value)).size).toBe(1);
      store = await openSecretStore(options);
      for (const { ref, value } of answers.flat()) expect(await store.get(ref)).toBe(value);
    }
  });

  test("that are killed in the middle of many writes lose no acknowledged secret and leave none half", async () => {
    const body = `
      const many = async (writer) => {
        for (let i = 0; ; i++) {
          const value = writer + "-" + i + "-" + "x".repeat((i * 977) % 20000);
          send({ ref: await store.put("agents/a/KEY", value), value });
          await store.putByPath("system/" + writer, value);
        }
      };
      await Promise.all([many("one"), many("two"), many("three")]);`;
    for (const killAfter of [1, 17, 40, 90]) {
      const child = run(body);
      const acknowledged = await messagesOf<{ ref: string; value: string }>(child, (all) => {
        if (all.length === killAfter) child.kill("SIGKILL");
      });
      expect(acknowledged.length).toBeGreaterThanOrEqual(killAfter);
      const reopened = await openSecretStore(options);
      for (const { ref, value } of acknowledged) expect(await reopened.get(ref)).toBe(value);
      for (const name of await readdir(vault("refs"))) expect(await reopened.get(`local:${name}`)).toMatch(/^(one|two|three)-\d+-x*$/);
      for (const writer of ["one", "two", "three"])
        expect((await reopened.getByPath(`system/${writer}`)) ?? `${writer}-0-`).toMatch(new RegExp(`^${writer}-\\d+-x*$`));
    }
  });
});

describe("opening", () => {
  test.each([
    ["gcp-sm://user:s3ntinel@project/x", /gcp-sm: are not available in this version/],
    ["constructor:", /not available/],
    ["local:/elsewhere", /takes nothing after the colon/],
    ["vault", /is not a URL/],
    ["", /is not a URL/],
  ])("with SECRETS_URL %j stops the start, says why and does not repeat the URL", async (url, message) => {
    const error: unknown = await openSecretStore({ ...options, url }).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(ConfigurationError);
    expect((error as ConfigurationError).message).toContain("SECRETS_URL");
    expect((error as ConfigurationError).message).toMatch(message);
    expect((error as ConfigurationError).message).not.toContain("s3ntinel");
  });

  test("takes further drivers by scheme", async () => {
    expect(await openSecretStore({ ...options, url: "openbao+https://vault" }, { "openbao+https:": () => Promise.resolve(store) })).toBe(
      store,
    );
  });

  test("where there can be no directory fails with a typed error", async () => {
    await writeFile(join(dataDir, "file"), "");
    await expect(openSecretStore({ ...options, dataDir: join(dataDir, "file") })).rejects.toMatchObject({
      name: "SecretStoreError",
      code: "unavailable",
    });
    await mkdir(join(dataDir, "directory.key"), { mode: 0o700 });
    await expect(
      openSecretStore({ ...options, dataDir: join(dataDir, "new"), masterKeyFile: join(dataDir, "directory.key") }),
    ).rejects.toBeInstanceOf(SecretStoreError);
  });

  test("sweeps what killed processes left more than an hour ago", async () => {
    const [old, young] = [vault("tmp", "old.tmp"), vault("tmp", "young.tmp")];
    for (const path of [old, young]) await writeFile(path, "x");
    const twoHoursAgo = Date.now() / 1000 - 7_200;
    await utimes(old, twoHoursAgo, twoHoursAgo);
    await openSecretStore(options);
    expect(await readdir(vault("tmp"))).toEqual(["young.tmp"]);
  });

  test("is followed by a healthy store until its directory is gone", async () => {
    await store.healthcheck();
    await rm(vault("tmp"), { recursive: true });
    await expect(store.healthcheck()).rejects.toMatchObject({ code: "unavailable" });
    await expect(store.put("a", SENTINEL)).rejects.toMatchObject({ code: "unavailable" });
  });
});
