import type { InvokeResponse } from "@whs/api";
import { type Database, openDatabase } from "@whs/platform/db";
import { createLogger } from "@whs/platform/log";
import { createWorkerdProvider } from "@whs/runtimes";
import { readdir } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Schema } from "../src/database.ts";
import { expireSessions } from "../src/features/invocations/index.ts";
import { createAgent, deploy } from "./deploy.ts";
import { startControlPlane, type TestControlPlane, type TestUser } from "./harness.ts";

const idleSeconds = 3;
const counter = `export default { async invoke({ session }: any) {
  const n = ((await session.storage.get("n")) ?? 0) + 1;
  await session.storage.put("n", n);
  return "turn " + n;
} };`;

let plane: TestControlPlane;
let person: TestUser;
let database: Database<Schema>;
const log = createLogger({ name: "test", level: "silent" });
beforeAll(async () => {
  plane = await startControlPlane({ dataPlane: true, environment: { WHS_SESSION_IDLE_SECONDS: String(idleSeconds) } });
  database = openDatabase<Schema>({ url: plane.config.databaseUrl, applicationName: "test", log });
  person = await plane.user();
});
afterAll(async () => {
  await database.close();
  await plane.close();
});

const invoke = (agentId: string, sessionId?: string) =>
  person.request<InvokeResponse>("POST", `/v1/invoke/${agentId}`, { input: { prompt: "x" }, sessionId });

/** Files of all sessions on the node. */
async function sessionFiles(): Promise<string[]> {
  const tenants = path.join(plane.config.dataDir, "dataplane/tenants");
  const lists = await Promise.all((await readdir(tenants)).map((tenant) => readdir(path.join(tenants, tenant, "storage/sessions"))));
  return lists.flat().filter((name) => !name.startsWith("metadata."));
}

const rows = async () => (await plane.pool.query<{ id: string; expires_at: Date }>("select id, expires_at from whs.sessions")).rows;

it("a session that nobody used for the idle time is gone: refused, and nothing of it is left on the node", async () => {
  const agentId = await createAgent(person, "clock");
  await deploy(person, agentId, counter);
  const { sessionId = "" } = (await invoke(agentId)).body;
  await expect.poll(rows).toHaveLength(1);
  const context = { db: database.kysely, providers: { cloudflare: createWorkerdProvider(plane.config.dataPlane) }, log };
  // While its time is not over the job leaves it alone.
  await expireSessions({ ...context, now: () => new Date(Date.now() - 3_600_000) });
  expect((await sessionFiles()).length).toBeGreaterThan(0);

  await expect
    .poll(async () => (await rows()).every(({ expires_at }) => expires_at.getTime() < Date.now()), { timeout: 60_000 })
    .toBe(true);
  expect(await invoke(agentId, sessionId)).toMatchObject({ body: { error: { message: "Session expired.", retryable: false } } });
  await plane.supervisor().kill("SIGKILL");
  // With the node away it stays for the next run.
  await expireSessions({ ...context, now: () => new Date() });
  expect(await rows()).toHaveLength(1);
  await plane.supervisor().restart();
  await expireSessions({ ...context, now: () => new Date() });
  expect(await rows()).toEqual([]);
  expect(await sessionFiles()).toEqual([]);
  await context.providers.cloudflare.close();
});
