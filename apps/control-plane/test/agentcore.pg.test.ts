import type { Deployment } from "@whs/api";
import { agentManifestSchema } from "@whs/artifact";
import type { RuntimeProvider } from "@whs/runtimes";
import { build } from "esbuild";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { openAgentcore } from "../src/agentcore.ts";
import { type AgentcoreService, startAgentcore } from "./agentcore-service.ts";
import { createAgent, deploy as deploySource, deploymentEnd, requestDeployment } from "./deploy.ts";
import { startControlPlane, type TestControlPlane, type TestUser } from "./harness.ts";

let service: AgentcoreService;
let plane: TestControlPlane;
let person: TestUser;
/** The driver itself, without the control plane before it. */
let driver: RuntimeProvider;
beforeAll(async () => {
  service = await startAgentcore();
  plane = await startControlPlane({ dataPlane: true, environment: { ...service.environment, WHS_OPERATOR_TOKEN: operatorToken } });
  driver = driverOf(plane);
  person = await plane.enterpriseUser();
});
afterAll(async () => {
  await driver.close();
  await plane.close();
  await service.close();
});

function driverOf({ config }: TestControlPlane): RuntimeProvider {
  if (config.agentcore === null) throw new Error("There is no AgentCore here");
  return openAgentcore(config.agentcore, {
    secrets: { get: () => Promise.resolve(undefined) },
    report: () => undefined,
    log: () => undefined,
  });
}

interface Invoked {
  output: { text: string };
  sessionId?: string;
  usage: { tokens: number; computeMs: number };
  error?: { code: string; message: string; retryable: boolean; details: { limitType?: string } };
}
const invoke = (agentId: string, prompt: string, more: object = {}, who = person) =>
  who.request<Invoked>("POST", `/v1/invoke/${agentId}`, { input: { prompt }, ...more });
const onAgentcore = (name: string, body: object = {}) => createAgent(person, name, { runtimeProvider: "agentcore", ...body });
const deploy = (agentId: string, source: string, manifest: Record<string, unknown> = {}) =>
  deploySource(person, agentId, source, { manifest: { runtime: "agentcore", ...manifest } });

const operatorToken = "an operator's token for tests, long enough".replaceAll(" ", "-");
async function setTier(who: TestUser, tier: string): Promise<void> {
  const answer = await plane.as(operatorToken)("POST", `/v1/operator/users/${who.externalId}/tier`, { tier });
  expect(answer.status).toBe(200);
}

describe("one source on two runtimes", () => {
  it("gives the same answers with one line changed", async () => {
    const folder = path.resolve(import.meta.dirname, "../../../examples/session-counter");
    const config = await readFile(path.join(folder, "agent.config.json"), "utf8");
    const changed = config.replace('"runtime": "cloudflare"', '"runtime": "agentcore"');
    expect(changed.split("\n").filter((line, index) => line !== config.split("\n")[index])).toHaveLength(1);
    const { outputFiles } = await build({ entryPoints: [path.join(folder, "src/agent.ts")], bundle: true, write: false, format: "esm" });
    const source = outputFiles[0]?.text ?? "";
    const answers = async (runtimeProvider: string, manifest: string) => {
      const agentId = await createAgent(person, `counter-${runtimeProvider}`, { runtimeProvider });
      const { body } = await requestDeployment(person, agentId, { files: { "agent.config.json": manifest, "src/agent.ts": source } });
      expect((await deploymentEnd(person, body.deployment.id)).errorMessage).toBeNull();
      const first = await invoke(agentId, "hello");
      const { sessionId } = first.body;
      expect(sessionId).toMatch(/^ses_/);
      const second = await invoke(agentId, "again", { sessionId });
      const streamed = await person.request("POST", `/v1/invoke/${agentId}/stream`, { input: { prompt: "streamed" }, sessionId });
      const deltas = [...streamed.text.matchAll(/event: delta\ndata: (.*)\n/g)].map(
        ([, data]) => (JSON.parse(data ?? "") as { text: string }).text,
      );
      const stranger = await invoke(agentId, "x", { sessionId: "ses_00000000000000000000000000" });
      return [first.body.output.text, second.body.output.text, deltas.join(""), stranger.body.error?.message];
    };
    const expected = [
      "turn 1: hello",
      "turn 2: again (you began with: hello)",
      "turn 3: streamed (you began with: hello)",
      "Session expired.",
    ];
    expect(await answers("cloudflare", config)).toEqual(expected);
    expect(await answers("agentcore", changed)).toEqual(expected);
  });
});

describe("agents on two runtimes", () => {
  it("call each other in one trace and one conversation, and never in a circle", async () => {
    const caller = `export default { async invoke({ messages, agents }: any) {
      const { agent, request } = JSON.parse(messages.at(-1).content);
      return agents.invoke(agent, request).then(({ output }: any) => output.text, (error: any) => error.code);
    } };`;
    const front = await onAgentcore("calls-from-agentcore");
    await deploy(front, caller);
    await deploySource(person, await createAgent(person, "calls-from-cloudflare"), caller);
    await deploy(
      await onAgentcore("is-called"),
      `export default { async invoke({ session }: any) {
        const n = ((await session.storage.get("n")) ?? 0) + 1;
        await session.storage.put("n", n);
        return "turn " + n;
      } };`,
    );
    const order = (agent: string, request: string) => JSON.stringify({ agent, request });
    const through = (request: string) => order("calls-from-cloudflare", request);
    const traceId = "trc_over_two_runtimes";
    const first = await invoke(front, through(order("is-called", "x")), { metadata: { traceId } });
    expect(first.body.output.text).toBe("turn 1");
    const { sessionId } = first.body;
    expect((await invoke(front, through(order("is-called", "x")), { sessionId })).body.output.text).toBe("turn 2");
    expect((await invoke(front, through(order("calls-from-agentcore", "x")))).body.output.text).toBe("CONFLICT");
    const counted = "select runtime_provider, count(*)::int as n from whs.metrics_events where trace_id = $1 group by 1 order by 1";
    await expect
      .poll(async () => (await plane.pool.query(counted, [traceId])).rows)
      .toEqual([
        { runtime_provider: "agentcore", n: 2 },
        { runtime_provider: "cloudflare", n: 1 },
      ]);
  });
});

describe("an agent on AgentCore", () => {
  it("is deployed as an image of its own, rolled back by a pointer, and counted once with its own cost", async () => {
    const agentId = await onAgentcore("versions");
    const first = await deploy(agentId, `export default { invoke() { console.log("from v1"); return "v1"; } };`, { sessionful: false });
    expect(first).toMatchObject({
      providerRef: {
        cloudflare: null,
        agentcore: { region: "us-east-1", qualifier: first.id, agentRuntimeArn: expect.stringMatching(/^arn:aws:bedrock-agentcore:/) },
      },
      artifact: {
        agentcoreContainer: { imageUri: expect.stringMatching(/\/whs-agents@sha256:/), imageDigest: expect.stringMatching(/^sha256:/) },
      },
    });
    const second = await deploy(agentId, `export default { invoke: () => "v2" };`, { sessionful: false });
    expect(second.providerRef.agentcore?.agentRuntimeArn).toBe(first.providerRef.agentcore?.agentRuntimeArn);
    expect((await invoke(agentId, "x")).body.output.text).toBe("v2");
    expect((await person.request("POST", `/v1/agents/${agentId}/deployments/${first.id}/activate`, {})).status).toBe(200);
    const traceId = "trc_agentcore_rollback";
    const rolledBack = await invoke(agentId, "x", { metadata: { traceId } });
    expect(rolledBack.body.output.text).toBe("v1");

    const trace = await vi.waitFor(
      async () => {
        const { body } = await person.request<{ items: { telemetry: object | null; logs: { message: string }[] }[] }>(
          "GET",
          `/v1/traces/${traceId}`,
        );
        const [item] = body.items;
        if (item?.telemetry == null || item.logs.length === 0) throw new Error("The event or the log line has not come yet");
        return item;
      },
      { timeout: 60_000 },
    );
    expect(trace.logs.map(({ message }) => message)).toEqual(["from v1"]);
    const { rows } = await plane.pool.query<{ n: number; cost: number; runtime: string }>(
      "select count(*)::int as n, max(cost_usd_estimated) as cost, max(runtime_provider) as runtime from whs.metrics_events where trace_id = $1",
      [traceId],
    );
    expect(rows).toEqual([{ n: 1, cost: expect.any(Number), runtime: "agentcore" }]);
    expect(rows[0]?.cost).toBeGreaterThan(0);
  });

  it("refuses secrets beyond the runtime's limits when they are set, and says that a change needs a deploy", async () => {
    const envVarKeys = Array.from({ length: 51 }, (_, index) => `KEY_${index}`);
    const agentId = await onAgentcore("secrets", { envVarKeys: [...envVarKeys, "K".repeat(93)] });
    const set = (secrets: Record<string, string>) => person.request<Invoked>("POST", `/v1/agents/${agentId}/secrets`, { secrets });
    const refused = async (secrets: Record<string, string>, message: RegExp) => {
      const answer = await set(secrets);
      expect(answer).toMatchObject({ status: 400, body: { error: { code: "INVALID_REQUEST", message: expect.stringMatching(message) } } });
    };
    await refused({ KEY_0: "x".repeat(5001) }, /5000 characters/);
    await refused({ ["K".repeat(93)]: "x" }, /name of at most/);
    await refused(Object.fromEntries(envVarKeys.map((key) => [key, "v"])), /50 secrets, not 51/);
    const fifty = Object.fromEntries(envVarKeys.slice(0, 50).map((key) => [key, `value of ${key}`]));
    expect((await set({ ...fifty, KEY_0: "x".repeat(5000) })).status).toBe(204);
    await refused({ KEY_50: "one more" }, /50 secrets, not 51/);

    const source = `export default { invoke: ({ env }) => Object.keys(env).length + " " + env.KEY_1 };`;
    await deploy(agentId, source, { sessionful: false });
    expect((await invoke(agentId, "x")).body.output.text).toBe("50 value of KEY_1");
    const changed = await set({ KEY_1: "changed" });
    expect(changed.headers.get("whs-redeploy-required")).toBe("true");
    expect((await invoke(agentId, "x")).body.output.text).toBe("50 value of KEY_1");
    await deploy(agentId, source, { sessionful: false });
    expect((await invoke(agentId, "x")).body.output.text).toBe("50 changed");
  });

  it("that cannot be loaded fails to deploy with the author's error, and what served before serves on", async () => {
    const agentId = await onAgentcore("broken");
    await deploy(agentId, `export default { invoke: () => "good" };`);
    const { body } = await requestDeployment(person, agentId, {
      manifest: { runtime: "agentcore" },
      files: { "agent.ts": `const fine = 1;\nthrow new TypeError("at the top");\nexport default {};` },
    });
    const failed: Deployment = await deploymentEnd(person, body.deployment.id);
    expect(failed).toMatchObject({ status: "failed", errorMessage: expect.stringMatching(/TypeError: at the top/) });
    expect((await invoke(agentId, "x")).body.output.text).toBe("good");
  });

  it("is removed from AgentCore when it is deleted", async () => {
    const agentId = await onAgentcore("deleted");
    const { providerRef, userId } = await withOwner(await deploy(agentId, `export default { invoke: () => "x" };`), agentId);
    expect((await person.request("DELETE", `/v1/agents/${agentId}`)).status).toBe(204);
    await vi.waitFor(
      async () => {
        const call = driver.invoke({
          userId,
          agentId,
          deploymentId: providerRef.agentcore?.qualifier ?? "",
          eventId: "evt_00000000000000000000000000",
          traceId: "trc_deleted",
          messages: [{ role: "user", content: "x" }],
          options: {},
          providerRef,
          signal: new AbortController().signal,
          timeoutMs: 10_000,
        });
        await expect(call).rejects.toMatchObject({ kind: "not_found", reached: false });
      },
      { timeout: 60_000 },
    );
  });

  it("survives a restart of the service with its sessions; while it is away, calls fail as unavailable", async () => {
    const agentId = await onAgentcore("restarted");
    await deploy(
      agentId,
      `export default { async invoke({ session }) { const n = ((await session.storage.get("n")) ?? 0) + 1; await session.storage.put("n", n); return "turn " + n; } };`,
    );
    const { body } = await invoke(agentId, "x");
    const goOn = () => invoke(agentId, "x", { sessionId: body.sessionId });
    await service.kill("SIGTERM");
    expect(await goOn()).toMatchObject({ status: 503, body: { error: { code: "UNAVAILABLE", retryable: true } } });
    await service.restart();
    expect((await goOn()).body.output.text).toBe("turn 2");
  });
});

describe("a plan without AgentCore", () => {
  it("is refused when creating, deploying, activating and invoking, and by the driver itself", async () => {
    const free = await plane.user("free");
    const gated = { status: 402, body: { error: { code: "LIMIT_EXCEEDED", details: { limitType: "runtimeGated" } } } };
    expect(await free.request("POST", "/v1/agents", { name: "mine", runtimeProvider: "agentcore" })).toMatchObject(gated);

    await free.request("GET", "/v1/me");
    await setTier(free, "pro");
    const agentId = await createAgent(free, "mine", { runtimeProvider: "agentcore" });
    const options = { manifest: { runtime: "agentcore" } };
    const deployment = await deploySource(free, agentId, `export default { invoke: () => "x" };`, options);
    expect((await invoke(agentId, "x", {}, free)).status).toBe(200);

    await setTier(free, "free");
    const files = { "agent.ts": `export default { invoke: () => "y" };` };
    await vi.waitFor(async () => expect(await invoke(agentId, "x", {}, free)).toMatchObject(gated), { timeout: 60_000 });
    expect(await requestDeployment(free, agentId, { ...options, files })).toMatchObject(gated);
    expect(await free.request("POST", `/v1/agents/${agentId}/deployments/${deployment.id}/activate`, {})).toMatchObject(gated);

    const manifest = agentManifestSchema.parse({ protocol: "invoke/v1", runtime: "agentcore", entrypoint: "a.js" });
    const refused = driver.deploy({
      userId: "usr_x",
      agentId: "agt_x",
      deploymentId: "dep_x",
      version: 1,
      manifest,
      bundle: { mainModule: "a.js", modules: {}, checksum: "sha256:" },
      secrets: { revision: 0, refs: {} },
      entitlements: { agentcoreEnabled: false, codeInterpreterEnabled: false, browserEnabled: false },
      telemetry: { rootKeyId: "1", keyVersion: 1 },
    });
    await expect(refused).rejects.toMatchObject({
      kind: "invalid",
      reached: false,
      message: expect.stringMatching(/plan does not include/),
    });
  });
});

describe("the installation", () => {
  it("says which driver and region run agents on AgentCore", async () => {
    const { body } = await person.request<{ providers: object; mode: string }>("GET", "/v1/runtime/stack");
    expect(body).toMatchObject({
      mode: "local",
      providers: {
        agentcore: {
          driver: "local",
          version: expect.any(String),
          region: "us-east-1",
          isolation: expect.arrayContaining([expect.objectContaining({ active: true })]),
        },
      },
    });
  });

  it("without AgentCore says so instead of deploying", async () => {
    const without = await startControlPlane();
    try {
      const owner = await without.enterpriseUser();
      const agentId = await createAgent(owner, "nowhere", { runtimeProvider: "agentcore" });
      const answer = await requestDeployment(owner, agentId, {
        manifest: { runtime: "agentcore" },
        files: { "agent.ts": "export default {};" },
      });
      expect(answer).toMatchObject({
        status: 503,
        body: { error: { code: "UNAVAILABLE", message: expect.stringMatching(/no agentcore runtime/) } },
      });
      expect(without.logLines.join("\n")).toMatch(/AGENTCORE_URL/);
    } finally {
      await without.close();
    }
  });
});

async function withOwner(deployment: Deployment, agentId: string): Promise<Deployment & { userId: string }> {
  const { rows } = await plane.pool.query<{ user_id: string }>("select user_id from whs.agents where id = $1", [agentId]);
  return { ...deployment, userId: rows[0]?.user_id ?? "" };
}
