import { openSecretStore } from "@whs/stack/vault";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createRunner, type Runner } from "./run-whs.ts";

let runner: Runner;
let dataDir: string;
let masterKeyFile: string;
beforeEach(() => {
  runner = createRunner();
  dataDir = path.join(runner.folder, "data");
  masterKeyFile = path.join(dataDir, "master.key");
});
afterEach(() => runner.remove());
const open = () => openSecretStore({ url: "local:", dataDir, masterKeyFile });

test("admin secrets rotate-master-key replaces the key: servers go on, the old key opens nothing but old backups", async () => {
  const server = await open();
  const ref = await server.put("agents/a/KEY", "kept");
  const oldKey = readFileSync(masterKeyFile);
  const kept = path.join(runner.folder, "old.key");
  const { exitCode, json } = await runner.start(["admin", "secrets", "rotate-master-key", "--keep", kept, "--json"]);
  expect({ exitCode, answer: json() }).toEqual({ exitCode: 0, answer: { rewrapped: expect.any(Number), damaged: [] } });
  expect(readFileSync(masterKeyFile).equals(oldKey)).toBe(false);
  expect(readFileSync(kept).equals(oldKey)).toBe(true);
  expect(statSync(kept).mode & 0o777).toBe(0o600);
  expect(await server.get(ref)).toBe("kept");
  const restarted = await open();
  expect(await restarted.get(ref)).toBe("kept");
  await Promise.all([server.close(), restarted.close()]);
  writeFileSync(masterKeyFile, oldKey);
  await expect(open()).rejects.toThrow(/another vault/);
});

test("it changes nothing when the copy would overwrite a file, and says what is missing where there is no vault", async () => {
  const server = await open();
  await server.close();
  const key = readFileSync(masterKeyFile);
  const taken = path.join(runner.folder, "taken");
  writeFileSync(taken, "something else");
  expect((await runner.run(["admin", "secrets", "rotate-master-key", "--keep", taken])).exitCode).toBe(1);
  expect(readFileSync(taken, "utf8")).toBe("something else");
  expect(readFileSync(masterKeyFile).equals(key)).toBe(true);
  const elsewhere = { env: { WHS_DATA_DIR: path.join(runner.folder, "none") } };
  expect(await runner.run(["admin", "secrets", "rotate-master-key"], elsewhere)).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining("master.key"),
  });
  expect(existsSync(path.join(runner.folder, "none"))).toBe(false);
  expect((await runner.run(["admin", "secrets", "rotate"])).exitCode).toBe(2);
});
