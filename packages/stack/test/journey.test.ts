import {
  activateDeployment,
  ApiError,
  createAgent,
  createDeployment,
  createToken,
  createUpload,
  getAgent,
  getDeployment,
  getMe,
  getMetrics,
  getUsage,
  invokeAgent,
  invokeAgentStream,
  listDeploymentLogs,
  setSecrets,
  WhsClient,
} from "@whs/api";
import { createBundleArchive } from "@whs/artifact";
import { FREE_PORTS, type Stack, startStack } from "@whs/stack";
import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { type Person, signUp } from "@whs/stack/testing";

let stack: Stack;
let dataDir: string;
let person: Person;
beforeAll(async () => {
  dataDir = await mkdtemp(path.join(tmpdir(), "whs-"));
  const environment = { ...process.env, LOG_LEVEL: "debug", WHS_FALLBACK_AFTER_SECONDS: "5" };
  stack = await startStack({ dataDir, ports: FREE_PORTS, environment });
  person = await signUp(stack.endpoints);
}, 120_000);
afterAll(async () => {
  await stack?.stop();
  await rm(dataDir, { recursive: true, force: true });
});

const sentinel = `sentinel-${randomBytes(12).toString("hex")}`;
const source = (version: number) => `export default {
  async *invoke({ session, env, messages }) {
    const n = ((await session.storage.get("n")) ?? 0) + 1;
    await session.storage.put("n", n);
    console.log("the key is", env.API_KEY);
    if (messages.at(-1).content === "fail") throw new Error("cannot use " + env.API_KEY);
    yield "v${version} ";
    yield "turn " + n;
  },
};`;

async function deploy(client: WhsClient, agentId: string, code: string): Promise<string> {
  const manifest = {
    protocol: "invoke/v1",
    runtime: "cloudflare",
    entrypoint: "agent.js",
    env: { requiredKeys: ["API_KEY"], optionalKeys: [] },
    capabilities: { streaming: true, tools: false },
  };
  const archive = await createBundleArchive([
    { path: "agent.config.json", bytes: Buffer.from(JSON.stringify(manifest)) },
    { path: "agent.js", bytes: Buffer.from(code) },
  ]);
  const { upload } = await client.call(createUpload, { bytes: { contentType: "application/gzip", data: new Uint8Array(archive) } });
  const { deployment } = await client.call(createDeployment, {
    id: agentId,
    body: { artifact: { type: "uploaded_bundle", uploadId: upload.id } },
  });
  expect(deployment.status).toBe("deploying");
  return deployment.id;
}

async function untilEnded(client: WhsClient, id: string, timeout = 30_000): Promise<string> {
  let status = "deploying";
  await expect
    .poll(
      async () => {
        try {
          ({ status } = (await client.call(getDeployment, { id })).deployment);
        } catch (error) {
          // While the control plane is down there is nobody to ask.
          if (!(error instanceof ApiError && error.code === "UNREACHABLE")) throw error;
        }
        return status;
      },
      { timeout, interval: 50 },
    )
    .not.toBe("deploying");
  return status;
}

const state = { agentId: "", v1: "", v2: "", sessionId: "" };

describe("the main job, over HTTP", () => {
  it("signs up, makes an agent, sets its secret and brings it online", async () => {
    const { user } = await person.client.call(getMe, {});
    expect(user).toMatchObject({ email: person.email, subscriptionTier: "free" });
    const { agent } = await person.client.call(createAgent, {
      body: { name: "journey", runtimeProvider: "cloudflare", envVarKeys: ["API_KEY"] },
    });
    state.agentId = agent.id;
    await person.client.call(setSecrets, { id: agent.id, body: { secrets: { API_KEY: sentinel } } });
    state.v1 = await deploy(person.client, agent.id, source(1));
    expect(await untilEnded(person.client, state.v1)).toBe("active");
    expect((await person.client.call(getAgent, { id: agent.id })).agent).toMatchObject({ status: "active", activeDeploymentId: state.v1 });
  });

  it("invokes it with an API token, as JSON and as a stream", async () => {
    const { secret } = await person.client.call(createToken, { body: { name: "script", scopes: ["invoke"] } });
    const script = new WhsClient({ baseUrl: stack.endpoints.whs ?? "", token: secret });
    const first = await script.call(invokeAgent, { agentId: state.agentId, body: { input: { prompt: "hi" } } });
    expect(first.output.text).toBe("v1 turn 1");
    state.sessionId = first.sessionId ?? "";
    const events: string[] = [];
    for await (const { event } of script.stream(invokeAgentStream, {
      agentId: state.agentId,
      body: { input: { prompt: "hi" }, sessionId: state.sessionId },
    }))
      events.push(event);
    expect(events).toEqual(["meta", "delta", "delta", "usage", "done"]);
  });

  it("goes on with the session after a new version and back", async () => {
    const next = async () =>
      (await person.client.call(invokeAgent, { agentId: state.agentId, body: { input: { prompt: "hi" }, sessionId: state.sessionId } }))
        .output.text;
    state.v2 = await deploy(person.client, state.agentId, source(2));
    expect(await untilEnded(person.client, state.v2)).toBe("active");
    expect(await next()).toBe("v2 turn 3");
    await person.client.call(activateDeployment, { id: state.agentId, deploymentId: state.v1, body: {} });
    expect(await next()).toBe("v1 turn 4");
  });

  it("shows usage, metrics and logs of exactly what was done", async () => {
    await expect.poll(async () => (await person.client.call(getUsage, {})).totals.requests).toBe(4);
    const { series } = await person.client.call(getMetrics, { id: state.agentId, bucket: "day" });
    const sum = (figure: "requests" | "errors"): number => series.reduce((total, one) => total + one[figure], 0);
    expect([sum("requests"), sum("errors")]).toEqual([4, 0]);
    await expect
      .poll(
        async () => (await person.client.call(listDeploymentLogs, { id: state.v1 })).lines.filter((line) => line.source === "agent").length,
      )
      .toBe(3);
  });
});

describe("a secret", () => {
  it("is found in no table, log, error, event or file but the encrypted vault", async () => {
    await expect(person.client.call(invokeAgent, { agentId: state.agentId, body: { input: { prompt: "fail" } } })).rejects.toSatisfy(
      (error) => error instanceof ApiError && error.code === "RUNTIME_ERROR" && !error.message.includes(sentinel),
    );
    await expect.poll(async () => (await person.client.call(getUsage, {})).totals.errors).toBe(1);
    expect(await tablesHolding(stack.endpoints.postgres ?? "", sentinel)).toEqual([]);
    expect(await filesHolding(dataDir, sentinel)).toEqual([]);
  });

  it("would be found if it were there", async () => {
    expect(await tablesHolding(stack.endpoints.postgres ?? "", "journey")).toContain("whs.agents");
    expect((await filesHolding(dataDir, state.agentId)).length).toBeGreaterThan(0);
  });
});

describe("kill -9", () => {
  const restarted = async (name: "whs" | "supervisor"): Promise<void> => {
    const before = stack.processes[name]?.pid;
    process.kill(before ?? Number.NaN, "SIGKILL");
    await expect
      .poll(() => [stack.processes[name]?.state, stack.processes[name]?.pid !== before], { timeout: 30_000 })
      .toEqual(["ready", true]);
  };

  it("of the control plane in the middle of a deploy leaves no agent deploying, and loses nothing acknowledged", async () => {
    const id = await deploy(person.client, state.agentId, source(3));
    await restarted("whs");
    expect(await untilEnded(person.client, id, 60_000)).toBe("active");
    const { agent } = await person.client.call(getAgent, { id: state.agentId });
    expect(agent).toMatchObject({ status: "active", activeDeploymentId: id });
    expect(
      (await person.client.call(invokeAgent, { agentId: state.agentId, body: { input: { prompt: "hi" }, sessionId: state.sessionId } }))
        .output.text,
    ).toBe("v3 turn 5");
  }, 100_000);

  it("of the supervisor loses no session and no acknowledged invocation's event", async () => {
    const { requests } = (await person.client.call(getUsage, {})).totals;
    for (let turn = 0; turn < 5; turn++)
      await person.client.call(invokeAgent, { agentId: state.agentId, body: { input: { prompt: "hi" }, sessionId: state.sessionId } });
    await restarted("supervisor");
    expect(
      (await person.client.call(invokeAgent, { agentId: state.agentId, body: { input: { prompt: "hi" }, sessionId: state.sessionId } }))
        .output.text,
    ).toBe("v3 turn 11");
    const client = new pg.Client({ connectionString: stack.endpoints.postgres });
    onTestFinished(() => client.end());
    await client.connect();
    await expect
      .poll(
        async () => {
          // What the clock asks for every minute.
          await client.query("insert into jobs.job (name, data) values ('telemetry.count_lost', '{}')");
          return (await person.client.call(getUsage, {})).totals.requests;
        },
        { timeout: 150_000, interval: 1_000 },
      )
      .toBeGreaterThanOrEqual(requests + 6);
  }, 200_000);
});

/** Names of tables, of every schema, with a row whose text holds the needle. */
async function tablesHolding(url: string, needle: string): Promise<string[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ name: string }>(
      "select format('%I.%I', table_schema, table_name) as name from information_schema.tables where table_schema not in ('pg_catalog', 'information_schema') and table_type = 'BASE TABLE'",
    );
    const holding: string[] = [];
    for (const { name } of rows) {
      const found = await client.query(`select 1 from ${name} as t where position($1 in t::text) > 0 limit 1`, [needle]);
      if (found.rowCount === 1) holding.push(name);
    }
    return holding;
  } finally {
    await client.end();
  }
}

/** Files below a directory that hold the needle's bytes, the database's own files and write-ahead log included. */
async function filesHolding(directory: string, needle: string): Promise<string[]> {
  const holding: string[] = [];
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    const file = path.join(entry.parentPath, entry.name);
    if (!entry.isFile() || (await stat(file)).size === 0) continue;
    if ((await readFile(file)).includes(needle)) holding.push(file);
  }
  return holding;
}
