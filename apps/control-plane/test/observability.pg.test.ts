import { createLogger } from "@whs/platform/log";
import { newId } from "@whs/platform/ids";
import { createHash } from "node:crypto";
import type { InvokeResponse } from "@whs/api";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createApp } from "../src/app.ts";
import { createAgent, deploy, deploymentEnd, requestDeployment } from "./deploy.ts";
import { openReader } from "./event-reader.ts";
import { startGatewayProcess } from "./gateway-process.ts";
import { startControlPlane, type TestControlPlane, type TestUser } from "./harness.ts";
import { type OtlpReceiver, startOtlpReceiver } from "./otlp-receiver.ts";

/** A web handler sees the headers that the runtime got. */
const traced = `export default { async fetch(request: Request) {
  const { input } = (await request.json()) as any;
  if (input.messages.at(-1).content === "fail") throw new Error("no luck");
  return new Response(request.headers.get("traceparent") ?? "none");
} };`;
const waiter = `export default { async *invoke() {
  yield "begun";
  await new Promise((resolve) => setTimeout(resolve, 60_000));
} };`;

let plane: TestControlPlane;
let person: TestUser;
let agentId: string;
beforeAll(async () => {
  plane = await startControlPlane({ dataPlane: true, environment: { WHS_STREAM_GRACE_SECONDS: "1", WHS_INVOKE_TIMEOUT_SECONDS: "30" } });
  person = await plane.user();
  agentId = await createAgent(person, "traced");
  await deploy(person, agentId, traced);
});
afterAll(() => plane?.close());

async function scrape(url = plane.app.metricsUrl): Promise<string> {
  const response = await fetch(url);
  expect(response.status).toBe(200);
  expect(response.headers.get("content-type")).toContain("text/plain");
  return response.text();
}

/** Value of the one sample of this name whose labels include these; 0 when there is none. */
async function sample(name: string, labels: Record<string, string> = {}): Promise<number> {
  const lines = (await scrape()).split("\n").filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
  const matching = lines.filter((line) => Object.entries(labels).every(([key, value]) => line.includes(`${key}="${value}"`)));
  expect(matching.length, `${name} ${JSON.stringify(labels)}: ${matching.join("; ")}`).toBeLessThanOrEqual(1);
  return matching[0] === undefined ? 0 : Number(matching[0].slice(matching[0].lastIndexOf(" ")));
}

const invoke = (prompt: string, headers: Record<string, string> = {}, agent = agentId) =>
  person.request<InvokeResponse>("POST", `/v1/invoke/${agent}`, { input: { prompt } }, headers);

const expectGrowth = async (name: string, labels: Record<string, string>, by: () => Promise<unknown>) => {
  const before = await sample(name, labels);
  await by();
  await expect.poll(() => sample(name, labels), { message: `${name} ${JSON.stringify(labels)}` }).toBeGreaterThan(before);
};

describe("metrics", () => {
  it("are on a listener of their own and never on the public one", async () => {
    expect((await fetch(`${plane.url}/metrics`)).status).toBe(404);
    expect((await fetch(new URL("/v1/me", plane.app.metricsUrl))).status).toBe(404);
    expect((await fetch(plane.app.metricsUrl, { method: "POST" })).status).toBe(405);
    expect(await scrape()).toContain("# TYPE whs_invocation_duration_seconds histogram");
  });

  it("are announced by the process with the port that was bound", async () => {
    const other = await startGatewayProcess(plane);
    try {
      expect(await scrape(other.metricsUrl)).toContain("nodejs_eventloop_lag_seconds");
    } finally {
      await other.stop("SIGTERM");
    }
  });

  it("count invocations by runtime and outcome", async () => {
    const runtime = "cloudflare";
    await expectGrowth("whs_invocation_duration_seconds_count", { runtime, outcome: "ok" }, () => invoke("x"));
    await expectGrowth("whs_invocation_duration_seconds_count", { runtime, outcome: "failed" }, () => invoke("fail"));
  });

  it("show invocations and streams while they run, and cancelled ones as such", async () => {
    const waiting = await createAgent(person, "waiter");
    await deploy(person, waiting, waiter);
    const reader = await openReader(`${plane.url}/v1/invoke/${waiting}/stream`, {
      method: "POST",
      headers: { authorization: `Bearer ${person.token}`, "content-type": "application/json" },
      body: JSON.stringify({ input: { prompt: "x" } }),
    });
    await reader.take(2);
    expect(await sample("whs_invocations_in_flight", { runtime: "cloudflare" })).toBe(1);
    expect(await sample("whs_streams_running")).toBe(1);
    expect(await sample("whs_stream_readers")).toBe(1);
    await expectGrowth("whs_invocation_duration_seconds_count", { runtime: "cloudflare", outcome: "cancelled" }, async () =>
      reader.leave(),
    );
    await expect.poll(() => sample("whs_invocations_in_flight", { runtime: "cloudflare" })).toBe(0);
    await expect.poll(() => sample("whs_stream_readers")).toBe(0);
  });

  it("count requests by route template and status, and those that match no route as one", async () => {
    await expectGrowth("http_requests_total", { method: "GET", route: "/v1/agents/:id", status: "200" }, () =>
      person.request("GET", `/v1/agents/${agentId}`),
    );
    await expectGrowth("http_requests_total", { method: "GET", route: "/v1/agents/:id", status: "404" }, () =>
      person.request("GET", `/v1/agents/${newId("agt")}`),
    );
    await expectGrowth("http_requests_total", { method: "GET", route: "unknown", status: "404" }, () =>
      person.request("GET", "/v1/nowhere/a"),
    );
    // Of these requests alone: jobs by the clock come with lines of their own.
    const unknown = async (): Promise<number> => (await scrape()).split("\n").filter((line) => line.includes('route="unknown"')).length;
    const before = await unknown();
    for (let n = 0; n < 20; n++) await person.request("GET", `/v1/nowhere/${n}`);
    expect(await unknown()).toBe(before);
  });

  it("count telemetry by result and refusals of it by code", async () => {
    await expectGrowth("whs_telemetry_events_total", { result: "accepted" }, () => invoke("x"));
    await expectGrowth("whs_telemetry_rejected_total", { code: "UNAUTHENTICATED" }, () =>
      plane.as(undefined)("POST", "/v1/telemetry/report", "{}", {
        "content-type": "application/json",
        "x-telemetry-deployment-id": newId("dep"),
        "x-telemetry-signature": `v1=${"0".repeat(64)}`,
      }),
    );
  });

  it("measure group commits", async () => {
    for (const group of ["invocations", "telemetry"]) await expectGrowth("whs_group_commit_items_count", { group }, () => invoke("x"));
    expect(await sample("whs_group_commit_duration_seconds_count", { group: "stream_events", result: "ok" })).toBeGreaterThan(0);
  });

  it("count deploys by outcome", async () => {
    const owned = await createAgent(person, "deployed-often");
    await expectGrowth("whs_deploy_duration_seconds_count", { runtime: "cloudflare", outcome: "deployed" }, () =>
      deploy(person, owned, traced),
    );
    await expectGrowth("whs_deploy_duration_seconds_count", { runtime: "cloudflare", outcome: "failed" }, async () => {
      const answer = await requestDeployment(person, owned, { files: { "agent.ts": "syntax error here" } });
      await deploymentEnd(person, answer.body.deployment.id);
    });
  });

  it("count refusals by the limit's type", async () => {
    await expectGrowth("whs_limit_refusals_total", { type: "runtimeGated" }, () =>
      person.request("POST", "/v1/agents", { name: "gated", runtimeProvider: "agentcore" }),
    );
    await expectGrowth("whs_limit_refusals_total", { type: "maxAgents" }, async () => {
      for (let n = 0; n < 6; n++) await person.request("POST", "/v1/agents", { name: `many-${n}`, runtimeProvider: "cloudflare" });
    });
  });

  it("show the database pool and the process", async () => {
    for (const state of ["busy", "idle", "waiting"])
      expect(await scrape()).toMatch(new RegExp(`^db_pool_connections\\{.*state="${state}".*\\} \\d+$`, "m"));
    for (const name of ["process_cpu_seconds_total", "process_resident_memory_bytes", "nodejs_eventloop_lag_p99_seconds"])
      expect(await sample(name)).toBeGreaterThanOrEqual(0);
  });

  it("bear no id, name or address of anybody", async () => {
    const text = await scrape();
    expect(text).not.toMatch(/\b(agt|dep|usr|evt|ses|str|trc|tok|upl)_[0-9a-z]{26}\b/);
    for (const known of [person.externalId, "deployed-often", "127.0.0.1"]) expect(text).not.toContain(known);
  });

  it("count attempts of jobs that fail", async () => {
    const other = await plane.user("other");
    const doomed = await createAgent(other, "doomed");
    await plane.supervisor().kill("SIGKILL");
    try {
      await expectGrowth("whs_job_failures_total", { job: "agent.remove" }, () => other.request("DELETE", `/v1/agents/${doomed}`));
    } finally {
      await plane.supervisor().restart();
    }
  });
});

describe("traces", () => {
  const parent = { traceId: "4bf92f3577b34da6a3ce929d0e0e4736", spanId: "00f067aa0ba902b7" };
  const traceparent = `00-${parent.traceId}-${parent.spanId}-01`;
  let receiver: OtlpReceiver;
  beforeAll(async () => {
    receiver = await startOtlpReceiver();
  });
  afterAll(() => receiver?.close());

  /** Runs requests against a gateway that exports; @returns the spans once it has stopped. */
  const spansOf = async (work: (url: string) => Promise<void>, sampleRatio = 1) => {
    receiver.spans.length = 0;
    const app = await createApp(
      { ...plane.config, tracing: { endpoint: receiver.url, sampleRatio } },
      createLogger({ name: "traced", level: "warn", destination: { write: () => undefined } }),
    );
    try {
      await work(await app.server.listen({ host: "127.0.0.1", port: 0 }));
    } finally {
      await app.close();
    }
    return [...receiver.spans];
  };
  const post = (url: string, prompt: string, headers: Record<string, string> = {}) =>
    fetch(`${url}/v1/invoke/${agentId}`, {
      method: "POST",
      headers: { authorization: `Bearer ${person.token}`, "content-type": "application/json", ...headers },
      body: JSON.stringify({ input: { prompt } }),
    }).then(async (response) => ({ status: response.status, body: (await response.json()) as InvokeResponse }));

  it("pass the caller's trace context on as it is while nobody receives spans", async () => {
    expect((await invoke("x", { traceparent })).body.output.text).toBe(traceparent);
    expect((await invoke("x")).body.output.text).toBe("none");
    const call = { name: "traced", arguments: { prompt: "x" }, _meta: { traceparent } };
    const tool = await person.request("POST", "/mcp", { jsonrpc: "2.0", id: 1, method: "tools/call", params: call });
    expect(tool.body).toMatchObject({ result: { content: [{ text: traceparent }, {}] } });
    expect(plane.logLines.join("")).not.toContain("Spans");
  });

  it("lead from the caller through the gateway to the runtime", async () => {
    let answer: Awaited<ReturnType<typeof post>> | undefined;
    const spans = await spansOf(async (url) => void (answer = await post(url, "x", { traceparent })));
    expect(answer?.status).toBe(200);
    const server = spans.find(({ name }) => name === "POST /v1/invoke/:agentId");
    const client = spans.find(({ name }) => name === "invoke_agent");
    expect(server).toMatchObject({
      traceId: parent.traceId,
      parentSpanId: parent.spanId,
      kind: 2,
      service: "whs-control-plane",
      schemaUrl: "https://opentelemetry.io/schemas/1.41.0",
      attributes: {
        "http.request.method": "POST",
        "http.route": "/v1/invoke/:agentId",
        "http.response.status_code": 200,
        "whs.trace_id": answer?.body.traceId,
      },
    });
    expect(client).toMatchObject({
      traceId: parent.traceId,
      parentSpanId: server?.spanId,
      kind: 3,
      attributes: {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.provider.name": "cloudflare",
        "gen_ai.agent.id": agentId,
        "gen_ai.conversation.id": createHash("sha256")
          .update(answer?.body.sessionId ?? "")
          .digest("hex"),
        "whs.usage.tokens": answer?.body.usage.tokens,
        "whs.trace_id": answer?.body.traceId,
      },
    });
    expect(answer?.body.output.text).toBe(`00-${parent.traceId}-${client?.spanId}-01`);
    expect(JSON.stringify(spans)).not.toContain(answer?.body.sessionId);
    expect(JSON.stringify(spans)).not.toContain(person.token);
  });

  it("begin at the gateway without a caller's context, or with a broken one, and show failures", async () => {
    const spans = await spansOf(async (url) => {
      expect((await post(url, "fail", { traceparent: "00-nonsense" })).status).toBe(502);
    });
    const server = spans.find(({ name }) => name === "POST /v1/invoke/:agentId");
    expect(server?.traceId).toMatch(/^[0-9a-f]{32}$/);
    expect(server?.parentSpanId ?? "").toBe("");
    expect(server?.status.code).toBe(2);
    expect(spans.find(({ name }) => name === "invoke_agent")).toMatchObject({
      parentSpanId: server?.spanId,
      status: { code: 2 },
      attributes: { "error.type": "RUNTIME_ERROR" },
    });
  });

  it("that the caller does not sample are not sent, and the runtime learns so", async () => {
    const spans = await spansOf(async (url) => {
      const answer = await post(url, "x", { traceparent: `00-${parent.traceId}-${parent.spanId}-00` });
      expect(answer.body.output.text).toMatch(new RegExp(`^00-${parent.traceId}-[0-9a-f]{16}-00$`));
    });
    expect(spans.filter(({ traceId }) => traceId === parent.traceId)).toEqual([]);
  });

  it("are sampled by ratio where they begin here", async () => {
    expect(await spansOf(async (url) => void (await post(url, "x")), 0)).toEqual([]);
  });

  it("that nobody receives do no harm", async () => {
    const lines: string[] = [];
    const app = await createApp(
      { ...plane.config, tracing: { endpoint: "http://127.0.0.1:1", sampleRatio: 1 } },
      createLogger({ name: "traced", level: "warn", destination: { write: (line: string) => void lines.push(line) } }),
    );
    const url = await app.server.listen({ host: "127.0.0.1", port: 0 });
    expect((await post(url, "x")).status).toBe(200);
    await app.close();
    await expect.poll(() => lines.join("")).toContain("could not be exported");
  });
});
