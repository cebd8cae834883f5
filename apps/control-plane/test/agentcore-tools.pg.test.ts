/** The platform's tools for agents, from the manifest to the bill, on the real local AgentCore service. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { type AgentcoreService, startAgentcore } from "./agentcore-service.ts";
import { createAgent, deploy as deploySource, requestDeployment } from "./deploy.ts";
import { startControlPlane, type TestControlPlane, type TestUser } from "./harness.ts";

/** Carries out what the prompt lists, and answers with what came of each. */
const WORKER = `export default { async *invoke({ messages, tools }) {
  const { codeInterpreter } = tools;
  if (codeInterpreter === undefined) return yield "no tool";
  for (const order of JSON.parse(messages[0].content)) {
    try {
      if (order.write) yield JSON.stringify((await codeInterpreter.writeFiles(order.write)) ?? null);
      else if (order.read) for (const { path, content } of await codeInterpreter.readFiles(order.read)) yield path + "=" + new TextDecoder().decode(content);
      else yield JSON.stringify(await codeInterpreter.run(order));
    } catch (error) { yield error.name + ": " + error.message; }
    yield "\\n";
  }
} };`;
const VISITOR = `export default { async *invoke({ messages, tools }) {
  if (tools.browser === undefined) return yield "no tool";
  for (const [name, ...args] of JSON.parse(messages[0].content)) {
    try {
      const value = await tools.browser[name](...args);
      yield JSON.stringify(name === "screenshot" ? Buffer.from(value).subarray(1, 4).toString() : value);
    } catch (error) { yield error.name + ": " + error.message; }
    yield "\\n";
  }
} };`;
const CAPABLE = { runtime: "agentcore", sessionful: false, capabilities: { codeInterpreter: true } };
const python = (code: string, more: object = {}) => ({ language: "python", code, ...more });
const gated = { status: 402, body: { error: { code: "LIMIT_EXCEEDED", details: { limitType: "runtimeGated" } } } };

interface Invoked {
  output: { text: string };
  usage: { computeMs: number };
  error?: object;
}

/** Pages for the browser. */
let site: Server;
let origin: string;
let service: AgentcoreService;
let plane: TestControlPlane;
/** Uses tools only to find out whether one is free. */
let probe: { who: TestUser; agentId: string };
beforeAll(async () => {
  site = createServer(({ url }, response) => {
    response.setHeader("content-type", "text/html; charset=utf-8");
    if (url === "/endless") response.write("<title>Endless</title><p>begins");
    else response.end(`<title>A page</title><script>alert("who?")</script><p id="p">grüße</p><button onclick="p.textContent = 'pressed'">`);
  });
  await new Promise<void>((resolve) => site.listen(0, "127.0.0.1", resolve));
  const host = `127.0.0.1:${(site.address() as AddressInfo).port}`;
  origin = `http://${host}`;
  // One session at once: one that is not stopped is in everybody's way.
  service = await startAgentcore({ AGENTCORE_LOCAL_MAX_TOOL_SESSIONS: "1", WHS_CELL_EGRESS_ALLOW: host });
  // A dollar for a second of code, for a call and for a browser, so that each can be seen in what an invocation costs.
  const prices = {
    AGENTCORE_PRICE_CODE_HOUR: "3600",
    AGENTCORE_PRICE_MILLION_TOOL_CALLS: "1000000",
    AGENTCORE_PRICE_BROWSER_SESSION: "1",
  };
  plane = await startControlPlane({ environment: { ...service.environment, ...prices, WHS_STREAM_GRACE_SECONDS: "1" } });
  probe = await worker();
});
afterAll(async () => {
  await plane.close();
  await service.close();
  site.closeAllConnections();
  site.close();
});
/** What an invocation left behind is stopped after its answer. */
const untilFree = () =>
  vi.waitFor(async () => expect(await answersOf(probe, [python("6 * 7")])).toEqual([result("42\n")]), { timeout: 30_000, interval: 200 });
beforeEach(untilFree);

async function worker(source = WORKER, manifest: Record<string, unknown> = CAPABLE): Promise<{ who: TestUser; agentId: string }> {
  const who = await plane.enterpriseUser();
  const agentId = await createAgent(who, "worker", { runtimeProvider: "agentcore" });
  await deploySource(who, agentId, source, { manifest });
  return { who, agentId };
}
const invoke = ({ who, agentId }: { who: TestUser; agentId: string }, prompt: string) =>
  who.request<Invoked>("POST", `/v1/invoke/${agentId}`, { input: { prompt } });
async function answersOf(agent: { who: TestUser; agentId: string }, orders: readonly object[]): Promise<string[]> {
  const { status, body } = await invoke(agent, JSON.stringify(orders));
  expect({ status, error: body.error }).toEqual({ status: 200, error: undefined });
  return body.output.text.trimEnd().split("\n");
}
const result = (stdout: string) => JSON.stringify({ stdout, stderr: "", exitCode: 0 });

interface Counted {
  browsers: number;
  requests: number;
  calls: number;
  seconds: number;
}
async function counted({ who }: { who: TestUser }): Promise<Counted> {
  const { rows } = await plane.pool.query<Counted>(
    `select coalesce(sum(requests), 0)::int as requests, coalesce(sum(platform_tool_calls), 0)::int as calls, coalesce(sum(code_execution_seconds), 0)::float8 as seconds,
       coalesce(sum(browser_sessions), 0)::int as browsers
     from whs.usage_counters join whs.users on users.id = user_id where external_id = $1`,
    [who.externalId],
  );
  return rows[0] ?? { requests: 0, calls: 0, seconds: 0, browsers: 0 };
}
/** In usage and in metrics. */
async function costsOf({ who, agentId }: { who: TestUser; agentId: string }): Promise<number[]> {
  const usage = await who.request<{ totals: { costUsdEstimated: number } }>("GET", "/v1/billing/usage");
  const metrics = await who.request<{ series: { costUsdEstimated: number }[] }>("GET", `/v1/agents/${agentId}/metrics?bucket=minute`);
  return [usage.body.totals.costUsdEstimated, metrics.body.series.reduce((sum, { costUsdEstimated }) => sum + costUsdEstimated, 0)];
}
const untilCounted = (agent: { who: TestUser }, requests: number) =>
  vi.waitFor(
    async () => {
      const counts = await counted(agent);
      expect(counts.requests).toBe(requests);
      return counts;
    },
    { timeout: 60_000 },
  );

describe("the code interpreter of an agent whose plan includes it", () => {
  it("runs Python and JavaScript with files in and out, remembers until the invocation ends, and is counted", async () => {
    const agent = await worker();
    expect(
      await answersOf(agent, [
        { write: [{ path: "data/in.txt", content: "grüße" }] },
        python("text = open('data/in.txt').read().upper()"),
        python("open('out.txt', 'w').write(text + '!'); print(len(text))"),
        { read: ["out.txt", "data/in.txt"] },
        { language: "javascript", code: "[1, 2, 3].map((n) => n * 2).join()" },
      ]),
    ).toEqual(["null", result(""), result("6\n"), "out.txt=GRÜSSE!data/in.txt=grüße", expect.stringContaining("2,4,6")]);
    await untilFree();
    const traceId = "trc_of_a_tool_call";
    const input = { prompt: JSON.stringify([python("text")]) };
    const fresh = await agent.who.request<Invoked>("POST", `/v1/invoke/${agent.agentId}`, { input, metadata: { traceId } });
    expect(fresh.body.output.text).toContain("NameError");
    const { calls, seconds } = await untilCounted(agent, 2);
    expect(calls).toBe(6);
    expect(seconds).toBeGreaterThan(0);
    const traced = await agent.who.request<{ items: { telemetry: object }[] }>("GET", `/v1/traces/${traceId}`);
    expect(traced.body.items[0]?.telemetry).toMatchObject({
      platformToolCalls: 1,
      codeExecutionSeconds: expect.any(Number),
      browserSessions: 0,
    });
    expect(await costsOf(agent)).toEqual([expect.closeTo(calls + seconds, 2), expect.closeTo(calls + seconds, 2)]);
  });

  it("gives the agent an error to catch when a call is wrong or takes too long, and works again after that", async () => {
    const agent = await worker();
    const [failed, wrong, outside, late, again] = await answersOf(agent, [
      python("raise ValueError('mine')"),
      { language: "cobol", code: "x" },
      { read: ["../../etc/passwd"] },
      python("while True: pass", { timeoutSeconds: 1 }),
      python("'back'"),
    ]);
    expect(JSON.parse(failed ?? "")).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("ValueError: mine") });
    expect(wrong).toMatch(/^ToolError: The tool was called wrongly: language/);
    expect(outside).toMatch(/^ToolError: .*inside/);
    expect(late).toBe("ToolError: The code interpreter took longer than 1 seconds and was ended.");
    expect(again).toBe(result("'back'\n"));
    const { seconds } = await untilCounted(agent, 1);
    expect(seconds).toBeGreaterThanOrEqual(1);
  });

  it("is stopped when the caller leaves", async () => {
    const agent = await worker(`export default { async *invoke({ tools }) {
      await tools.codeInterpreter.run({ language: "python", code: "1" });
      yield "started";
      await tools.codeInterpreter.run({ language: "python", code: "while True: pass", timeoutSeconds: 300 });
    } };`);
    const leaving = new AbortController();
    const response = await fetch(`${plane.url}/v1/invoke/${agent.agentId}/stream`, {
      method: "POST",
      headers: { authorization: `Bearer ${agent.who.token}`, "content-type": "application/json" },
      body: JSON.stringify({ input: { prompt: "x" } }),
      signal: leaving.signal,
    });
    let seen = "";
    for await (const chunk of response.body ?? []) {
      seen += Buffer.from(chunk).toString();
      if (seen.includes("started")) break;
    }
    leaving.abort();
    // By itself the session would last longer than anybody waits here.
    await untilFree();
    expect((await untilCounted(agent, 1)).calls).toBeGreaterThanOrEqual(1);
  });

  it("refuses what is beyond the plan's calls within an invocation, and invocations when calls or seconds are used up", async () => {
    const agent = await worker();
    await answersOf(agent, [python("1")]);
    await untilCounted(agent, 1);
    const use = (column: string, amount: number) =>
      plane.pool.query(
        `update whs.usage_counters c set ${column} = ${amount} from whs.users u where u.id = c.user_id and u.external_id = '${agent.who.externalId}'`,
      );
    await use("platform_tool_calls", 99_999);
    await untilFree();
    expect(await answersOf(agent, [python("1"), python("2")])).toEqual([
      result("1\n"),
      "ToolError: The plan's tool calls for this month are used up.",
    ]);
    await untilCounted(agent, 2);
    const refused = (limitType: string, limit: number) => ({
      status: 402,
      body: { error: { code: "LIMIT_EXCEEDED", details: { limitType, limit, current: limit } } },
    });
    expect(await invoke(agent, "[]")).toMatchObject(refused("toolCalls", 100_000));
    await use("platform_tool_calls", 0);
    await use("code_execution_seconds", 36_000);
    expect(await invoke(agent, "[]")).toMatchObject(refused("codeExecutionSeconds", 36_000));
  });
});

describe("the browser of an agent whose plan includes it", () => {
  it("opens pages, works in them and shows them, has errors to catch, ends with the invocation, and is counted", async () => {
    const agent = await worker(VISITOR, { ...CAPABLE, capabilities: { browser: true } });
    const shown = JSON.stringify({ url: `${origin}/`, title: "A page", text: "grüße" });
    const [opened, pressed, picture, thrown, file, nowhere, late, again] = await answersOf(agent, [
      ["open", `${origin}/`],
      ["evaluate", "document.querySelector('button').click(), p.textContent"],
      ["screenshot"],
      ["evaluate", "missing.thing"],
      ["open", "file:///etc/passwd"],
      ["open", `${service.environment["AGENTCORE_URL"]}/healthz`],
      ["open", `${origin}/endless`, { timeoutSeconds: 2 }],
      ["open", `${origin}/`],
    ]);
    expect([opened, pressed, picture]).toEqual([shown, '"pressed"', '"PNG"']);
    expect(thrown).toMatch(/^ToolError: ReferenceError: missing/);
    expect(file).toMatch(/^ToolError: The tool was called wrongly: url/);
    expect(nowhere).toMatch(/not a public address|^ToolError/);
    expect([late, again]).toEqual(["ToolError: The browser took longer than 2 seconds and was ended.", shown]);
    expect(await untilCounted(agent, 1)).toMatchObject({ calls: 7, browsers: 2, seconds: 0 });
    expect(await costsOf(agent)).toEqual([expect.closeTo(9, 2), expect.closeTo(9, 2)]);

    // Had the first one's session not been stopped, there would be none for the next.
    await vi.waitFor(async () => expect(await answersOf(agent, [["open", `${origin}/`]])).toEqual([shown]), {
      timeout: 60_000,
      interval: 200,
    });
    await vi.waitFor(async () => expect((await counted(agent)).browsers).toBe(3), { timeout: 60_000 });
    await plane.pool.query(
      "update whs.usage_counters c set browser_sessions = 5000 from whs.users u where u.id = c.user_id and u.external_id = $1",
      [agent.who.externalId],
    );
    expect(await invoke(agent, "[]")).toMatchObject({
      status: 402,
      body: { error: { code: "LIMIT_EXCEEDED", details: { limitType: "browserSessions", limit: 5000 } } },
    });
  }, 120_000);
});

describe("an agent that has no tool", () => {
  it("is one whose manifest asks for none, or whose owner's plan does not include it any more", async () => {
    const who = await plane.enterpriseUser();
    const plain = await createAgent(who, "plain", { runtimeProvider: "agentcore" });
    await deploySource(who, plain, WORKER, { manifest: { ...CAPABLE, capabilities: {} } });
    expect((await invoke({ who, agentId: plain }, "[]")).body.output.text).toBe("no tool");

    const agent = await worker();
    const first = await agent.who.request<{ agent: { activeDeploymentId: string } }>("GET", `/v1/agents/${agent.agentId}`);
    await plane.pool.query("update whs.users set subscription_tier = 'pro' where external_id = $1", [agent.who.externalId]);
    await vi.waitFor(async () => expect((await invoke(agent, "[]")).body.output.text).toBe("no tool"), { timeout: 60_000 });
    const files = { "agent.ts": WORKER };
    expect(await requestDeployment(agent.who, agent.agentId, { manifest: CAPABLE, files })).toMatchObject(gated);
    const { activeDeploymentId } = first.body.agent;
    expect(await agent.who.request("POST", `/v1/agents/${agent.agentId}/deployments/${activeDeploymentId}/activate`, {})).toMatchObject(
      gated,
    );
  });

  it("cannot be deployed with one to Cloudflare, whatever the plan", async () => {
    const who = await plane.enterpriseUser();
    const agentId = await createAgent(who, "elsewhere");
    for (const tool of ["codeInterpreter", "browser"]) {
      const manifest = { capabilities: { [tool]: true } };
      const refused = await requestDeployment(who, agentId, { manifest, files: { "agent.ts": WORKER } });
      expect(refused).toMatchObject({
        status: 400,
        body: { error: { code: "INVALID_REQUEST", message: expect.stringContaining("agentcore runtime") } },
      });
    }
  });
});
