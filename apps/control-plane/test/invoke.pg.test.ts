import { type InvokeResponse, readServerSentEvents, type Session } from "@whs/api";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createAgent, deploy, echo } from "./deploy.ts";
import { startControlPlane, type TestControlPlane, type TestUser } from "./harness.ts";

let plane: TestControlPlane;
let person: TestUser;
beforeAll(async () => {
  plane = await startControlPlane({ dataPlane: true, environment: { WHS_INVOKE_TIMEOUT_SECONDS: "3" } });
  person = await plane.enterpriseUser();
});
afterAll(() => plane.close());

const counter = `export default { async *invoke({ session }: any) {
  const n = ((await session.storage.get("n")) ?? 0) + 1;
  await session.storage.put("n", n);
  yield "turn ";
  yield String(n);
} };`;

const invoke = (agentId: string, body: Record<string, unknown> = { input: { prompt: "hi" } }, headers: Record<string, string> = {}) =>
  person.request<InvokeResponse>("POST", `/v1/invoke/${agentId}`, body, headers);

async function stream(agentId: string, body: Record<string, unknown>, token = person.token) {
  const response = await fetch(`${plane.url}/v1/invoke/${agentId}/stream`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const events: { event: string; id: string | null; data: Record<string, unknown> }[] = [];
  if (response.body !== null)
    for await (const { event, id, data } of readServerSentEvents(response.body)) events.push({ event, id, data: JSON.parse(data) });
  return { response, events };
}

describe("an invocation", () => {
  it("answers with text, session, usage and trace id", async () => {
    const agentId = await createAgent(person, "echo");
    await deploy(person, agentId, echo("echo: "));
    const answer = await invoke(agentId);
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({
      output: { text: "echo: hi" },
      sessionId: expect.stringMatching(/^ses_/),
      usage: { tokens: expect.any(Number), tokensEstimated: true, computeMs: expect.any(Number), toolCalls: 0 },
      traceId: answer.headers.get("x-trace-id"),
    });
    expect(answer.body.usage.tokens).toBeGreaterThan(0);
  });

  it("takes messages, and names the trace as the caller did", async () => {
    const agentId = await createAgent(person, "traced");
    await deploy(
      person,
      agentId,
      `export default { invoke: ({ messages, traceId }: any) => traceId + " " + messages.map((m: any) => m.role).join() };`,
    );
    const messages = [
      { role: "system", content: "be brief" },
      { role: "user", content: "hello" },
    ];
    const byHeader = await invoke(agentId, { input: { messages } }, { "x-trace-id": "from-the-header" });
    expect(byHeader.body).toMatchObject({ output: { text: "from-the-header system,user" }, traceId: "from-the-header" });
    const byBody = await invoke(agentId, { input: { messages }, metadata: { traceId: "from-the-body" } });
    expect(byBody.body.traceId).toBe("from-the-body");
    expect(byBody.headers.get("x-trace-id")).toBe("from-the-body");
  });

  it.each([
    ["neither prompt nor messages", { input: {} }, "input"],
    ["both", { input: { prompt: "a", messages: [{ role: "user", content: "b" }] } }, "input"],
    ["no input", {}, "input"],
    ["an unknown role", { input: { messages: [{ role: "robot", content: "a" }] } }, "input.messages.0.role"],
    ["no messages", { input: { messages: [] } }, "input.messages"],
    ["too many messages", { input: { messages: Array.from({ length: 257 }, () => ({ role: "user", content: "x" })) } }, "input.messages"],
    ["a message too long", { input: { prompt: "é".repeat(131_073) } }, "input.prompt"],
    ["a bad trace id", { input: { prompt: "x" }, metadata: { traceId: "no spaces" } }, "metadata.traceId"],
    ["an unknown option", { input: { prompt: "x" }, options: { speed: 11 } }, "options.speed"],
  ])("with %s is refused and the field named", async (_name, body, fieldName) => {
    const agentId = (await person.request<{ items: { id: string }[] }>("GET", "/v1/agents?limit=1")).body.items[0]?.id ?? "";
    expect(await invoke(agentId, body)).toMatchObject({
      status: 400,
      body: { error: { code: "INVALID_REQUEST", details: { fields: expect.arrayContaining([expect.objectContaining({ fieldName })]) } } },
    });
  });

  it("is refused without an active deployment, and while disabled, at once", async () => {
    const agentId = await createAgent(person, "switched");
    expect(await invoke(agentId)).toMatchObject({ status: 409, body: { error: { code: "CONFLICT" } } });
    await deploy(person, agentId, echo(""));
    expect((await invoke(agentId)).status).toBe(200);
    await person.request("POST", `/v1/agents/${agentId}/disable`);
    expect((await invoke(agentId)).status).toBe(409);
    await person.request("POST", `/v1/agents/${agentId}/enable`);
    expect((await invoke(agentId)).status).toBe(200);
    await person.request("DELETE", `/v1/agents/${agentId}`);
    expect((await invoke(agentId)).status).toBe(404);
  });

  it("of an agent that throws answers with a stable error and is found by its trace", async () => {
    const agentId = await createAgent(person, "thrower");
    await deploy(person, agentId, `export default { invoke() { console.error("about to fail"); throw new Error("model is down"); } };`);
    const answer = await invoke(agentId, { input: { prompt: "x" } }, { "x-trace-id": "trace-of-a-failure" });
    expect(answer).toMatchObject({
      status: 502,
      body: { error: { code: "RUNTIME_ERROR", retryable: false }, traceId: "trace-of-a-failure" },
    });
    expect(answer.text).not.toMatch(/agent\.ts|\.js:|at /);
    await expect
      .poll(async () =>
        (
          await person.request<{
            items: { invocation: { errorCode: string }; telemetry: { errors: number } | null; logs: { message: string }[] }[];
          }>("GET", "/v1/traces/trace-of-a-failure")
        ).body.items?.map((item) => ({
          errorCode: item.invocation.errorCode,
          errors: item.telemetry?.errors,
          logged: item.logs.some((line) => line.message.includes("about to fail")),
        })),
      )
      .toEqual([{ errorCode: "RUNTIME_ERROR", errors: 1, logged: true }]);
    const errors = await person.request<{ items: { traceId: string; errorClass: string }[] }>("GET", `/v1/agents/${agentId}/errors`);
    expect(errors.body.items).toMatchObject([{ traceId: "trace-of-a-failure", errorClass: "runtime" }]);
  });

  it("that takes too long ends with 504", async () => {
    const agentId = await createAgent(person, "sleeper");
    await deploy(
      person,
      agentId,
      `export default { async invoke() { await new Promise((resolve) => setTimeout(resolve, 60_000)); return "late"; } };`,
    );
    expect(await invoke(agentId)).toMatchObject({ status: 504, body: { error: { code: "RUNTIME_ERROR" } } });
  });

  it("with an Idempotency-Key runs the agent once under fifty duplicates", async () => {
    const agentId = await createAgent(person, "once");
    await deploy(person, agentId, `let runs = 0; export default { invoke: () => String(++runs) };`);
    const body = { input: { prompt: "x" } };
    const answers = await Promise.all(Array.from({ length: 50 }, () => invoke(agentId, body, { "idempotency-key": "only-once" })));
    expect(new Set(answers.map((answer) => answer.body.output?.text))).toEqual(new Set(["1"]));
    expect(new Set(answers.map((answer) => answer.body.sessionId)).size).toBe(1);
    expect((await invoke(agentId)).body.output.text).toBe("2");
  });
});

describe("a session", () => {
  it("remembers across calls, redeploys and restarts of the data plane", async () => {
    const agentId = await createAgent(person, "counter");
    const first = await deploy(person, agentId, counter);
    const started = await invoke(agentId);
    const { sessionId } = started.body;
    expect(started.body.output.text).toBe("turn 1");
    const again = () => invoke(agentId, { input: { prompt: "x" }, sessionId });
    expect((await again()).body.output.text).toBe("turn 2");
    await deploy(person, agentId, counter.replace("turn ", "v2 turn "));
    expect((await again()).body.output?.text).toBe("v2 turn 3");
    await person.request("POST", `/v1/agents/${agentId}/deployments/${first.id}/activate`, {});
    expect((await again()).body.output.text).toBe("turn 4");
    await plane.supervisor().kill("SIGKILL");
    await plane.supervisor().restart();
    expect((await again()).body.output.text).toBe("turn 5");
    expect((await invoke(agentId)).body).toMatchObject({ output: { text: "turn 1" } });
  });

  it("belongs to one user and one agent; everything else is expired", async () => {
    const agentId = await createAgent(person, "private-counter");
    await deploy(person, agentId, counter);
    const { sessionId = "" } = (await invoke(agentId)).body;
    const other = await createAgent(person, "other-counter");
    await deploy(person, other, counter);
    const expired = { status: 502, body: { error: { code: "RUNTIME_ERROR", message: "Session expired.", retryable: false } } };
    expect(await invoke(other, { input: { prompt: "x" }, sessionId })).toMatchObject(expired);
    for (const unknown of [
      "ses_01m7z7cvq7em4v05xrktjs2m1f",
      "nonsense",
      `${sessionId.slice(0, -1)}${sessionId.endsWith("0") ? "1" : "0"}`,
    ]) {
      expect(await invoke(agentId, { input: { prompt: "x" }, sessionId: unknown })).toMatchObject(expired);
    }
    expect((await invoke(agentId, { input: { prompt: "x" }, sessionId })).body.output.text).toBe("turn 2");
  });

  it("is listed until its owner ends it; from then on it is expired, and what it held is gone", async () => {
    const agentId = await createAgent(person, "listed-counter");
    await deploy(person, agentId, counter);
    const sessions: string[] = [];
    for (let index = 0; index < 3; index += 1) sessions.push((await invoke(agentId)).body.sessionId ?? "");
    const list = async (query = "") =>
      (await person.request<{ items: Session[]; nextCursor: string | null }>("GET", `/v1/agents/${agentId}/sessions?${query}`)).body;
    await expect.poll(async () => (await list()).items.length, { timeout: 10_000 }).toBe(3);
    const first = await list("limit=2");
    const second = await list(`limit=2&cursor=${first.nextCursor}`);
    expect([...first.items, ...second.items].map(({ id }) => id).toSorted()).toEqual(sessions.toSorted());
    expect([first.items.length, second.nextCursor]).toEqual([2, null]);
    expect(first.items[0]).toMatchObject({ agentId, runtimeProvider: "cloudflare", expiresAt: expect.stringMatching(/Z$/) });
    expect((await person.request("GET", `/v1/agents/${agentId}/sessions?cursor=AAAA`)).status).toBe(400);

    const [ended = "", kept] = sessions;
    const end = (id: string) => person.request("DELETE", `/v1/agents/${agentId}/sessions/${id}`);
    const turn = (sessionId: string | undefined) => invoke(agentId, { input: { prompt: "x" }, sessionId });
    expect((await end(ended)).status).toBe(204);
    expect(await turn(ended)).toMatchObject({ status: 502, body: { error: { message: "Session expired.", retryable: false } } });
    expect((await list()).items.map(({ id }) => id)).not.toContain(ended);
    expect((await turn(kept)).body.output.text).toBe("turn 2");
    // One that is not written down yet, or that holds nothing, can be ended too; and twice is as once.
    const { sessionId: young = "" } = (await invoke(agentId)).body;
    expect([(await end(young)).status, (await end(young)).status, (await turn(young)).status]).toEqual([204, 204, 502]);
    for (const id of ["ses_01m7z7cvq7em4v05xrktjs2m1f", "nonsense"])
      expect(await end(id)).toMatchObject({ status: 404, body: { error: { code: "NOT_FOUND" } } });
    const audit = await person.request<{ items: { action: string; target: string }[] }>(
      "GET",
      `/v1/audit?action=session.ended&target=${ended}`,
    );
    expect(audit.body.items).toHaveLength(1);
  });

  it("that a client has named begins anew once it was ended", async () => {
    const agentId = await createAgent(person, "named-counter");
    await deploy(person, agentId, counter);
    const say = async () => {
      const message = { id: "m1", role: "user", content: "x" };
      const input = { threadId: "mine", runId: "r1", state: {}, messages: [message], tools: [], context: [], forwardedProps: {} };
      const { text } = await person.request("POST", `/ag-ui/${agentId}`, input);
      return [...text.matchAll(/"delta":"([^"]*)"/g)].map(([, delta]) => delta).join("");
    };
    expect([await say(), await say()]).toEqual(["turn 1", "turn 2"]);
    const sessions = async () => (await person.request<{ items: Session[] }>("GET", `/v1/agents/${agentId}/sessions`)).body.items;
    await expect.poll(async () => (await sessions()).length, { timeout: 10_000 }).toBe(1);
    const end = async () => (await person.request("DELETE", `/v1/agents/${agentId}/sessions/${(await sessions())[0]?.id}`)).status;
    expect(await end()).toBe(204);
    expect(await sessions()).toEqual([]);
    expect(await say()).toBe("turn 1");
  });

  it("is not offered by a stateless agent", async () => {
    const agentId = await createAgent(person, "stateless");
    await deploy(person, agentId, echo(""), { manifest: { sessionful: false } });
    expect((await invoke(agentId)).body).not.toHaveProperty("sessionId");
  });

  it("that stores nothing leaves no row, and goes on all the same", async () => {
    const agentId = await createAgent(person, "forgetful");
    await deploy(person, agentId, echo(""));
    const { sessionId } = (await invoke(agentId)).body;
    expect((await invoke(agentId, { input: { prompt: "x" }, sessionId })).status).toBe(200);
    await expect
      .poll(async () => (await plane.pool.query("select 1 from whs.invocations where agent_id = $1", [agentId])).rowCount)
      .toBe(2);
    expect((await plane.pool.query("select 1 from whs.sessions where id = $1", [sessionId])).rowCount).toBe(0);
  });
});

describe("a stream", () => {
  it("is meta, deltas, usage, done, with ids that count from 1", async () => {
    const agentId = await createAgent(person, "streamer");
    const { id } = await deploy(person, agentId, counter);
    const { response, events } = await stream(agentId, { input: { prompt: "x" } });
    expect(response.headers.get("content-type")).toContain("text/event-stream");
    expect(events.map((event) => event.event)).toEqual(["meta", "delta", "delta", "usage", "done"]);
    expect(events.map((event) => event.id)).toEqual(["1", "2", "3", "4", "5"]);
    expect(events[0]?.data).toEqual({
      traceId: response.headers.get("x-trace-id"),
      sessionId: expect.stringMatching(/^ses_/),
      deploymentId: id,
      streamId: expect.stringMatching(/^str_/),
    });
    expect(
      events
        .filter((event) => event.event === "delta")
        .map((event) => event.data["text"])
        .join(""),
    ).toBe("turn 1");
    expect(events.at(-1)?.data).toEqual({});
  });

  it("of an agent that answers at once has one delta", async () => {
    const agentId = await createAgent(person, "at-once");
    await deploy(person, agentId, echo("now "));
    const { events } = await stream(agentId, { input: { prompt: "x" } });
    expect(events.map((event) => event.event)).toEqual(["meta", "delta", "usage", "done"]);
  });

  it("that fails on the way ends with the error envelope", async () => {
    const agentId = await createAgent(person, "fails-late");
    await deploy(person, agentId, `export default { async *invoke() { yield "so far"; throw new Error("then it broke"); } };`);
    const { events } = await stream(agentId, { input: { prompt: "x" } });
    expect(events.map((event) => event.event)).toEqual(["meta", "delta", "error"]);
    expect(events.at(-1)?.data).toMatchObject({ error: { code: "RUNTIME_ERROR", retryable: false }, traceId: events[0]?.data["traceId"] });
  });

  it("that is refused is answered like any other request", async () => {
    const agentId = await createAgent(person, "not-deployed");
    const { response } = await stream(agentId, { input: { prompt: "x" } });
    expect(response.status).toBe(409);
    expect(response.headers.get("content-type")).toContain("application/json");
  });
});

describe("metering", () => {
  it("counts every invocation exactly once, with its owner, and shows it in usage and metrics", async () => {
    const agentId = await createAgent(person, "metered");
    await deploy(person, agentId, `export default { async *invoke() { yield "x"; yield { usage: { tokens: 7, toolCalls: 2 } }; } };`);
    await Promise.all(Array.from({ length: 20 }, () => invoke(agentId)));
    await Promise.all(Array.from({ length: 5 }, () => stream(agentId, { input: { prompt: "x" } })));
    await expect
      .poll(
        async () => (await plane.pool.query("select count(*)::int as n from whs.metrics_events where agent_id = $1", [agentId])).rows[0].n,
      )
      .toBe(25);
    const { rows } = await plane.pool.query(
      `select count(*)::int as n, count(distinct e.event_id)::int as ids, sum(e.llm_tokens) as tokens, bool_and(i.id is not null and i.user_id = e.user_id and i.deployment_id = e.deployment_id and i.trace_id = e.trace_id) as matched
       from whs.metrics_events e left join whs.invocations i on i.id = e.event_id where e.agent_id = $1`,
      [agentId],
    );
    expect(rows[0]).toEqual({ n: 25, ids: 25, tokens: 175, matched: true });
    const { body } = await person.request<{ series: { requests: number; tokens: number }[] }>(
      "GET",
      `/v1/agents/${agentId}/metrics?bucket=hour`,
    );
    const sum = (figure: "requests" | "tokens"): number => body.series.reduce((total, one) => total + one[figure], 0);
    expect([sum("requests"), sum("tokens")]).toEqual([25, 175]);
    const byAgent = async (query: string) =>
      (await person.request<{ items: { name: string; requests: number; tokens: number }[] }>("GET", `/v1/billing/usage/agents?${query}`))
        .body.items;
    expect((await byAgent("")).find(({ name }) => name === "metered")).toMatchObject({ agentId, requests: 25, tokens: 175, errors: 0 });
    expect(await byAgent("period=2020-02")).toEqual([]);
    expect((await person.request("GET", "/v1/billing/usage/agents?period=2020-13")).status).toBe(400);
  });
});
