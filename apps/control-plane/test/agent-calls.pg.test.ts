/** Agents that call agents, on real cells; what each runtime does is in the conformance suite. */
import type { InvokeResponse } from "@whs/api";
import { createLogger } from "@whs/platform/log";
import { openSecretStore } from "@whs/platform/secrets";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type CallChain, type CallTokens, createCallTokens } from "../src/features/invocations/call-token.ts";
import { openKeys } from "../src/keys.ts";
import { createAgent, deploy, echo } from "./deploy.ts";
import { startControlPlane, type TestControlPlane, type TestUser } from "./harness.ts";

/** Calls the agent that its prompt names, and says what came of it. */
const caller = `export default { async invoke({ messages, agents }: any) {
  const { agent, request } = JSON.parse(messages.at(-1).content);
  try {
    return JSON.stringify(await agents.invoke(agent, request));
  } catch ({ name, code, message, retryable }: any) {
    return JSON.stringify({ name, code, message, retryable });
  }
} };`;
const counter = `export default { async invoke({ session }: any) {
  const n = ((await session.storage.get("n")) ?? 0) + 1;
  await session.storage.put("n", n);
  return { text: "turn " + n, usage: { tokens: 5 } };
} };`;
/** Says that it runs by calling another one. */
const sleeper = `export default { async invoke({ signal, agents }: any) {
  await agents.invoke("counter", "x");
  await new Promise((resolve) => {
    setTimeout(resolve, 600_000);
    signal.addEventListener("abort", resolve);
  });
} };`;

let plane: TestControlPlane;
let person: TestUser;
let tokens: CallTokens;
const ids: Record<string, string> = {};
beforeAll(async () => {
  plane = await startControlPlane({ dataPlane: true });
  person = await plane.enterpriseUser();
  const secrets = await openSecretStore({ ...plane.config.secrets, log: createLogger({ name: "test", level: "silent" }) });
  tokens = createCallTokens((await openKeys(secrets)).call);
  await secrets.close();
  const sources: [string, string, boolean][] = [
    ["front", caller, true],
    ["middle", caller, false],
    ["counter", counter, true],
    ["sleeper", sleeper, false],
  ];
  for (const [name, source, sessionful] of sources) {
    ids[name] = await createAgent(person, name);
    await deploy(person, ids[name], source, { manifest: { sessionful } });
  }
});
afterAll(() => plane.close());

interface Failure {
  name: string;
  code: string;
  message: string;
  retryable: boolean;
}
/** What an agent of ours is told: to call another one. */
const order = (agent: string, request: unknown = "hi"): string => JSON.stringify({ agent, request });
const idOf = (name: string): string => ids[name] ?? "";

async function invoke(name: string, prompt: string, more: object = {}, who = person): Promise<InvokeResponse> {
  const answer = await who.request<InvokeResponse>("POST", `/v1/invoke/${who === person ? idOf(name) : name}`, {
    input: { prompt },
    ...more,
  });
  expect(answer).toMatchObject({ status: 200 });
  return answer.body;
}
/** What came of the call that the agent `name` was told to make. */
const told = async (name: string, prompt: string, more: object = {}): Promise<InvokeResponse & Failure> =>
  JSON.parse((await invoke(name, prompt, more)).output.text) as InvokeResponse & Failure;

describe("an agent that calls another", () => {
  it("reaches it by name and by id, in its own trace, where each invocation is counted once", async () => {
    const traceId = "trc_agents_that_call";
    const byName = await told("front", order("counter"), { metadata: { traceId } });
    expect(byName).toEqual({
      output: { text: "turn 1" },
      sessionId: expect.stringMatching(/^ses_/),
      usage: { tokens: 5, tokensEstimated: false, computeMs: expect.any(Number), toolCalls: 0 },
      traceId,
    });
    expect((await told("front", order(idOf("counter")), { metadata: { traceId } })).output.text).toBe("turn 1");
    const items = async () =>
      (
        await person.request<{ items: { invocation: { agentId: string } | null; telemetry: object | null }[] }>(
          "GET",
          `/v1/traces/${traceId}`,
        )
      ).body.items?.map(({ invocation, telemetry }) => [invocation?.agentId, telemetry !== null]);
    const each = (name: string) => [idOf(name), true];
    const all = expect.arrayContaining([each("front"), each("front"), each("counter"), each("counter")]);
    await expect.poll(items).toEqual(all);
    expect(await items()).toHaveLength(4);
  });

  it("goes on with its own session: turns of one conversation meet the same session of the called agent, also through others", async () => {
    const { sessionId, output } = await invoke("front", order("counter"));
    const first = JSON.parse(output.text) as InvokeResponse;
    expect(first.output.text).toBe("turn 1");
    expect((await told("front", order("counter"), { sessionId })).output.text).toBe("turn 2");
    expect((await told("front", order("counter"))).output.text).toBe("turn 1");
    const named = order("counter", { input: { prompt: "x" }, sessionId: first.sessionId });
    expect((await told("front", named)).output.text).toBe("turn 3");
    // A stateless agent between them passes the conversation on, and has its own with whom it calls.
    const through = async () => JSON.parse((await told("front", order("middle", order("counter")), { sessionId })).output.text);
    expect((await through()).output.text).toBe("turn 1");
    expect((await through()).output.text).toBe("turn 2");
    // Without any session there is none to go on with.
    expect((await told("middle", order("counter"))).output.text).toBe("turn 1");
    expect((await told("middle", order("counter"))).output.text).toBe("turn 1");
  });

  it("is told the same of an unknown agent and of somebody else's", async () => {
    const stranger = await plane.enterpriseUser();
    const foreign = await createAgent(stranger, "foreign");
    await deploy(stranger, foreign, echo(""));
    const expected = { name: "AgentCallError", code: "NOT_FOUND", message: "Agent not found.", retryable: false };
    for (const agent of ["foreign", foreign, "nobody", "\ud800", "__proto__", "agt_01h455vb4pex5vsknk084sn02q"])
      expect(await told("front", order(agent))).toEqual(expected);
  });

  it("is told what is wrong with a request, and what refuses it", async () => {
    expect(await told("front", order("counter", { input: {}, more: 1 }))).toMatchObject({
      name: "AgentCallError",
      code: "INVALID_REQUEST",
    });
    for (const agent of ["", "no\0body", "x".repeat(129), 7, ["counter"], null])
      expect(await told("front", order(agent as string)), String(agent)).toMatchObject({ code: "INVALID_REQUEST" });
    await createAgent(person, "not-deployed");
    expect(await told("front", order("not-deployed"))).toMatchObject({ code: "CONFLICT" });
    expect(await told("front", order("counter", { input: { prompt: "x" }, sessionId: "ses_0" }))).toMatchObject({
      code: "RUNTIME_ERROR",
      message: "Session expired.",
    });
  });

  it("calls nobody when its code came from the marketplace, nor does what it was called by help", async () => {
    ids["installed"] = await createAgent(person, "installed");
    await deploy(person, idOf("installed"), caller);
    await plane.pool.query(
      `insert into whs.installs (install_intent_id, user_id, listing_id, release_id, release_version, agent_id, upload_id)
       select 'int_of_a_test', agent.user_id, 'lst_x', 'rel_x', '1.0.0', agent.id, deployment.artifact#>>'{source,uploadId}'
       from whs.agents agent join whs.deployments deployment on deployment.id = agent.active_deployment_id where agent.id = $1`,
      [idOf("installed")],
    );
    expect(await told("installed", order("counter"))).toMatchObject({
      code: "UNAUTHORIZED",
      message: expect.stringContaining("marketplace"),
    });
    const through = await told("front", order("installed", order("counter")));
    expect(JSON.stringify(through)).toMatch(/UNAUTHORIZED/);
  });

  it("is refused a loop, at once or through others", async () => {
    const loop = { code: "CONFLICT", message: expect.stringContaining('"front" is in this chain'), retryable: false };
    expect(await told("front", order("front", order("counter")))).toMatchObject(loop);
    expect(await told("front", order(idOf("front"), "x"))).toMatchObject(loop);
    const inner = await told("front", order("middle", order("front", "x")));
    expect(JSON.parse(inner.output.text)).toMatchObject(loop);
  });

  it("is told the code when the budget refuses the called agent, which is not counted", async () => {
    const poor = await plane.user("poor");
    const front = await createAgent(poor, "front");
    await deploy(poor, front, caller, { manifest: { sessionful: false } });
    await deploy(poor, await createAgent(poor, "echo"), echo(""));
    await plane.pool.query(
      `insert into whs.usage_counters (user_id, period, runtime_provider, requests)
       select id, to_char(now() at time zone 'utc', 'YYYY-MM'), 'cloudflare', 999 from whs.users where external_id = $1`,
      [poor.externalId],
    );
    const { output } = await invoke(front, order("echo"), {}, poor);
    expect(JSON.parse(output.text)).toMatchObject({ name: "AgentCallError", code: "LIMIT_EXCEEDED", retryable: false });
    const counted = "select requests::int from whs.usage_counters c join whs.users u on u.id = c.user_id where external_id = $1";
    await expect.poll(async () => (await plane.pool.query(counted, [poor.externalId])).rows).toEqual([{ requests: 1000 }]);
  });

  it("takes what it called with it when its caller leaves", async () => {
    const traceId = "trc_of_one_who_leaves";
    const leaving = new AbortController();
    const answer = fetch(`${plane.url}/v1/invoke/${idOf("front")}`, {
      method: "POST",
      headers: { authorization: `Bearer ${person.token}`, "content-type": "application/json" },
      body: JSON.stringify({ input: { prompt: order("middle", order("sleeper")) }, metadata: { traceId } }),
      signal: leaving.signal,
    }).catch((error: unknown) => error);
    const counted = "select 1 from whs.invocations where agent_id = $1 and trace_id = $2";
    const isAsleep = async () => (await plane.pool.query(counted, [idOf("counter"), traceId])).rowCount;
    await expect.poll(isAsleep).toBe(1);
    leaving.abort();
    expect(await answer).toBeInstanceOf(Error);
    const failures = "select error_code, error_message from whs.invocations where agent_id = $1 and trace_id = $2";
    for (const name of ["front", "middle", "sleeper"])
      await expect
        .poll(async () => (await plane.pool.query(failures, [idOf(name), traceId])).rows)
        .toEqual([{ error_code: "RUNTIME_ERROR", error_message: expect.stringContaining("cancelled") }]);
  });
});

describe("the token of a call", () => {
  const now = () => Date.now();
  const ownerOf = async (who: TestUser) => (await who.request<{ user: { id: string } }>("GET", "/v1/me")).body.user.id;
  const chainOf = async (more: Partial<CallChain> = {}): Promise<CallChain> => ({
    userId: await ownerOf(person),
    traceId: "trc_of_a_token",
    traceparent: undefined,
    sessionId: undefined,
    until: now() + 60_000,
    agentIds: [idOf("front")],
    ...more,
  });
  const send = async (token: string, agent = "counter") => {
    const response = await fetch(`${plane.url}/v1/internal/agent-calls`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-whs-call-token": token },
      body: JSON.stringify({ agent, request: { input: { prompt: "x" } } }),
    });
    return { status: response.status, body: (await response.json()) as { error?: { code: string; message: string }; traceId: string } };
  };

  it("opens the door for its owner's agents alone, as long as its invocation may run, and opens no other", async () => {
    expect(await send(tokens.issue(await chainOf()))).toMatchObject({
      status: 200,
      body: { output: { text: "turn 1" }, traceId: "trc_of_a_token" },
    });
    const refused = { status: 401, body: { error: { code: "UNAUTHENTICATED" } } };
    const forged = createCallTokens(Buffer.alloc(32, 1)).issue(await chainOf());
    const expired = tokens.issue(await chainOf({ until: now() - 1 }));
    for (const token of [forged, expired, "", "whs_call_", person.token]) expect(await send(token)).toMatchObject(refused);
    const stranger = await plane.enterpriseUser();
    const foreign = tokens.issue(await chainOf({ userId: await ownerOf(stranger) }));
    for (const agent of ["counter", idOf("counter")]) expect(await send(foreign, agent)).toMatchObject({ status: 404 });
    expect((await plane.as(tokens.issue(await chainOf()))("GET", "/v1/me")).status).toBe(401);
  });

  it("goes no further than eight calls deep", async () => {
    const strangers = (count: number) => Array.from({ length: count }, (_, n) => `agt_${n}`);
    expect((await send(tokens.issue(await chainOf({ agentIds: strangers(8) })))).status).toBe(200);
    expect(await send(tokens.issue(await chainOf({ agentIds: strangers(9) })))).toMatchObject({
      status: 409,
      body: { error: { message: expect.stringContaining("8 deep") } },
    });
  });

  it("gives what is called no more time than the caller has", async () => {
    const chain = await chainOf();
    const late = { status: 504, body: { error: { code: "RUNTIME_ERROR" } } };
    // On a busy machine the time may be over before the call arrives, which is refused: then once more.
    await expect.poll(() => send(tokens.issue({ ...chain, until: now() + 1_000 }), "sleeper")).toMatchObject(late);
  });

  it("is of no use to the owner of a closed account", async () => {
    const closed = await plane.enterpriseUser();
    const userId = await ownerOf(closed);
    await plane.pool.query("update whs.users set disabled_at = now() where id = $1", [userId]);
    expect(await send(tokens.issue(await chainOf({ userId })))).toMatchObject({ status: 403 });
  });

  it("is in no log", async () => {
    const token = tokens.issue(await chainOf());
    await deploy(
      person,
      await createAgent(person, "teller"),
      `export default { invoke({ messages }: any) { console.log(messages[0].content); return ""; } };`,
    );
    await told("front", order("teller", `it is ${token}`));
    const lines = async () => (await plane.pool.query("select message from whs.agent_log_lines where message like 'it is %'")).rows;
    await expect.poll(lines).toEqual([{ message: "it is [redacted]" }]);
    expect(plane.logLines.join("")).not.toMatch(/whs_call_[A-Za-z0-9]/);
  });
});
