import { createLogger } from "@whs/platform/log";
import { type Database, openDatabase } from "@whs/platform/db";
import { openSecretStore, type SecretStore } from "@whs/platform/secrets";
import { readdir } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Schema } from "../src/database.ts";
import { sweepSecrets } from "../src/features/secrets/index.ts";
import { startGatewayProcess } from "./gateway-process.ts";
import { startControlPlane, type TestControlPlane, type TestUser } from "./harness.ts";

let plane: TestControlPlane;
let person: TestUser;
let secrets: SecretStore;
let database: Database<Schema>;
let agentId: string;
const log = createLogger({ name: "test", level: "silent" });
beforeAll(async () => {
  plane = await startControlPlane();
  person = await plane.user();
  secrets = await openSecretStore(plane.config.secrets);
  database = openDatabase<Schema>({ url: plane.config.databaseUrl, applicationName: "test", log });
  const { body } = await person.request<{ agent: { id: string } }>("POST", "/v1/agents", {
    name: "keeper",
    runtimeProvider: "cloudflare",
    envVarKeys: ["LIVE", "LOST"],
  });
  agentId = body.agent.id;
});
afterAll(async () => {
  await database.close();
  await secrets.close();
  await plane.close();
});

const set = (values: Record<string, string>) => person.request("POST", `/v1/agents/${agentId}/secrets`, { secrets: values });
const values = async (): Promise<number> => (await readdir(path.join(plane.config.dataDir, "vault/refs"))).length;
const refOf = async (key: string): Promise<string | undefined> =>
  (await plane.pool.query<{ store_ref: string }>("select store_ref from whs.secret_refs where agent_id = $1 and key = $2", [agentId, key]))
    .rows[0]?.store_ref;
const sweep = (hoursFromNow: number): Promise<number> =>
  sweepSecrets({ db: database.kysely, secrets, log, now: () => new Date(Date.now() + hoursFromNow * 3_600_000) });

/** A control plane that dies after the value is stored and before its row is committed. */
async function dieBetweenStoreAndCommit(): Promise<void> {
  const doomed = await startGatewayProcess(plane);
  const blocker = await plane.pool.connect();
  await blocker.query("begin");
  await blocker.query("select 1 from whs.agents where id = $1 for update", [agentId]);
  const before = await values();
  try {
    const broken = fetch(`${doomed.url}/v1/agents/${agentId}/secrets`, {
      method: "POST",
      headers: { authorization: `Bearer ${person.token}`, "content-type": "application/json" },
      body: JSON.stringify({ secrets: { LOST: "never-referred-to" } }),
    }).then(
      () => "answered",
      () => "broken off",
    );
    await expect.poll(values).toBe(before + 1);
    await doomed.stop("SIGKILL");
    expect(await broken).toBe("broken off");
  } finally {
    await doomed.stop("SIGKILL");
    await blocker.query("rollback");
    blocker.release();
  }
}

describe("a value that was stored for a change which came to nothing", () => {
  it("is deleted after a day, and one that something refers to never is", async () => {
    expect((await set({ LIVE: "alive" })).status).toBe(204);
    await dieBetweenStoreAndCommit();
    expect(await refOf("LOST")).toBeUndefined();
    const stored = await values();
    expect(await sweep(23)).toBe(0);
    expect(await values()).toBe(stored);
    expect(await sweep(25)).toBe(1);
    expect(await values()).toBe(stored - 1);
    expect(await sweep(25 * 400)).toBe(0);
    expect(await secrets.get((await refOf("LIVE")) ?? "")).toBe("alive");
  });

  it("is not one that the runtime still uses until a job has brought it the next", async () => {
    const replaced = await secrets.put(`agents/${agentId}/LIVE`, "replaced but in use");
    await plane.pool.query(
      "insert into jobs.job (name, data, state, start_after) values ('secrets.push', $1, 'created', now() + interval '1 hour')",
      [JSON.stringify({ agentId, replacedRefs: [replaced] })],
    );
    expect(await sweep(25)).toBe(0);
    expect(await secrets.get(replaced)).toBe("replaced but in use");
    await plane.pool.query("delete from jobs.job where name = 'secrets.push' and data ->> 'replacedRefs' like $1", [`%${replaced}%`]);
    expect(await sweep(25)).toBe(1);
  });
});
