import { type RedisServer, startRedisServer } from "@whs/platform/testing";
import { once } from "node:events";
import { request as httpRequest } from "node:http";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { createAgent } from "./deploy.ts";
import { type GatewayProcess, startGatewayProcess } from "./gateway-process.ts";
import { type Answer, startControlPlane, type TestControlPlane, type TestUser } from "./harness.ts";

/** Hours, so that no window ends while a test runs. */
const rates = {
  WHS_RATE_WRITES_PER_USER: "8/hour",
  WHS_RATE_WRITES_PER_AGENT: "3/hour",
  WHS_RATE_WRITES_PER_ADDRESS: "30/hour",
  WHS_RATE_UPLOADS_PER_USER: "2/hour",
  WHS_RATE_FAILURES_PER_ADDRESS: "5/hour",
  WHS_RATE_BAD_SIGNATURES_PER_ADDRESS: "4/hour",
};
const trusting = { WHS_TRUSTED_PROXIES: "127.0.0.1" };
let addresses = 0;
/** An address that no other test has, as the trusted proxy names it. */
const from = (): Record<string, string> => {
  addresses += 1;
  return { "x-forwarded-for": `198.51.100.${addresses}` };
};

async function sample(url: string | undefined, name: string, labels: Record<string, string>): Promise<number> {
  const lines = (await (await fetch(url ?? "")).text()).split("\n");
  const found = lines.find(
    (line) => line.startsWith(`${name}{`) && Object.entries(labels).every(([key, value]) => line.includes(`${key}="${value}"`)),
  );
  return found === undefined ? Number.NaN : Number(found.slice(found.lastIndexOf(" ")));
}

function expectRefusal(answer: Answer, limit: number): void {
  expect(answer.status).toBe(429);
  expect(answer.body).toMatchObject({ error: { code: "RATE_LIMITED", retryable: true } });
  expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
  expect(answer.headers.get("ratelimit-limit")).toBe(String(limit));
  expect(answer.headers.get("ratelimit-remaining")).toBe("0");
  expect(answer.headers.get("ratelimit-reset")).toBe(answer.headers.get("retry-after"));
}

describe("rates of requests, over two processes", () => {
  let plane: TestControlPlane;
  let other: GatewayProcess;
  beforeAll(async () => {
    plane = await startControlPlane({ environment: { ...rates, ...trusting } });
    // It trusts no proxy, and is asked directly.
    other = await startGatewayProcess(plane, rates);
  }, 180_000);
  afterAll(async () => {
    await other?.stop("SIGTERM");
    await plane?.close();
  });
  const send = async (base: string, token: string, method: string, path: string, headers: Record<string, string> = {}, body?: unknown) => {
    const response = await fetch(base + path, {
      method,
      headers: { authorization: `Bearer ${token}`, ...(body === undefined ? {} : { "content-type": "application/json" }), ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, body: text.startsWith("{") ? JSON.parse(text) : {} } as Answer;
  };
  const createAt = (base: string, person: TestUser, name: string, headers: Record<string, string>) =>
    send(base, person.token, "POST", "/v1/agents", headers, { name, runtimeProvider: "cloudflare" });

  it("bound a user's writes, whichever process takes them, and say what is left", async () => {
    const person = await plane.user();
    const address = from();
    for (let write = 0; write < 8; write++) {
      const answer = await createAt(write % 2 === 0 ? plane.url : other.url, person, "twice", address);
      expect(answer.status).toBe(write === 0 ? 201 : 409);
      expect(answer.headers.get("ratelimit-limit")).toBe("8");
      expect(answer.headers.get("ratelimit-remaining")).toBe(String(7 - write));
    }
    expectRefusal(await createAt(plane.url, person, "more", address), 8);
    expectRefusal(await createAt(other.url, person, "more", address), 8);
    expect((await person.request("GET", "/v1/agents")).status).toBe(200);
    const another = await plane.user();
    expect((await createAt(plane.url, another, "first", address)).status).toBe(201);
    expect(await sample(plane.app.metricsUrl, "whs_rate_refusals_total", { kind: "writes_user" })).toBeGreaterThan(0);
  });

  it("bound writes through tools of MCP together with others", async () => {
    const person = await plane.user();
    const address = from();
    const agentId = await createAgent(person, "tool");
    const activate = async () => {
      const params = { name: "whs_activate_deployment", arguments: { agent: agentId, deploymentId: "dep_unknown" } };
      const answer = await send(plane.url, person.token, "POST", "/mcp", address, { jsonrpc: "2.0", id: 1, method: "tools/call", params });
      return (answer.body as { result?: { _meta: { error: { code: string } } } }).result?._meta.error.code;
    };
    for (let write = 0; write < 7; write++) expect(await activate()).toBe("NOT_FOUND");
    expect(await activate()).toBe("RATE_LIMITED");
    expectRefusal(await createAt(plane.url, person, "more", address), 8);
  });

  it("bound what is done with one agent, and let nobody use that up for somebody else", async () => {
    const [owner, stranger] = [await plane.user(), await plane.user()];
    const agentId = await createAgent(owner, "one");
    for (let write = 0; write < 3; write++) expect((await stranger.request("POST", `/v1/agents/${agentId}/disable`)).status).toBe(404);
    expectRefusal(await stranger.request("POST", `/v1/agents/${agentId}/disable`), 3);
    for (let write = 0; write < 3; write++) expect((await owner.request("POST", `/v1/agents/${agentId}/disable`)).status).toBe(200);
    expectRefusal(await owner.request("POST", `/v1/agents/${agentId}/enable`), 3);
    expect((await owner.request("GET", `/v1/agents/${agentId}`)).status).toBe(200);
  });

  it("bound uploads, before any of their bytes are read", async () => {
    const person = await plane.user();
    const upload = () => person.request("POST", "/v1/uploads", new Uint8Array(10), { "content-type": "application/gzip", ...from() });
    expect((await upload()).status).toBe(400);
    expect((await upload()).status).toBe(400);
    expectRefusal(await upload(), 2);
  });

  it("bound the writes of one address, whoever signs in there", async () => {
    const address = from();
    const statuses: number[] = [];
    for (let index = 0; index < 31; index++) statuses.push((await createAt(plane.url, await plane.user(), "first", address)).status);
    expect(statuses.slice(0, 30)).toEqual(Array.from({ length: 30 }, () => 201));
    expect(statuses[30]).toBe(429);
  });

  it("close an address that sends bad credentials to all but those that were good lately", async () => {
    const [known, unknown] = [await plane.user(), await plane.user()];
    const address = from();
    const me = (token: string, headers: Record<string, string>) => send(plane.url, token, "GET", "/v1/me", headers);
    expect((await me(known.token, address)).status).toBe(200);
    for (let guess = 0; guess < 5; guess++) expect((await me(`whs_${guess}`, address)).status).toBe(401);
    expectRefusal(await me("whs_again", address), 5);
    expectRefusal(await me(unknown.token, address), 5);
    expect((await me(known.token, address)).status).toBe(200);
    expect((await me(unknown.token, from())).status).toBe(200);
    expect(await sample(plane.app.metricsUrl, "whs_rate_refusals_total", { kind: "failures_address" })).toBeGreaterThan(0);
  });

  it("take a request without any credential for no attempt", async () => {
    const address = from();
    for (let index = 0; index < 10; index++) expect((await plane.as(undefined)("GET", "/v1/me", undefined, address)).status).toBe(401);
  });

  it("count guesses at the operator's token as well", async () => {
    const address = from();
    const stats = () => send(plane.url, "x".repeat(40), "GET", "/v1/operator/stats", address);
    for (let guess = 0; guess < 5; guess++) expect((await stats()).status).toBe(401);
    expectRefusal(await stats(), 5);
  });

  it("take a /64 network of IPv6 for one address", async () => {
    const guess = async (address: string) => (await send(plane.url, "whs_x", "GET", "/v1/me", { "x-forwarded-for": address })).status;
    for (let host = 1; host <= 5; host++) expect(await guess(`2001:db8:77:1:${host}:0:0:${host}`)).toBe(401);
    expect(await guess("2001:db8:77:1::99")).toBe(429);
    expect(await guess("2001:db8:77:2::1")).toBe(401);
  });

  it("are not fooled by an X-Forwarded-For that no trusted proxy wrote", async () => {
    const guess = async (base: string, forwarded: string) =>
      (await send(base, "whs_x", "GET", "/v1/me", { "x-forwarded-for": forwarded })).status;
    const statuses: number[] = [];
    for (let index = 0; index < 6; index++) statuses.push(await guess(other.url, `203.0.113.${index}`));
    expect(statuses).toEqual([401, 401, 401, 401, 401, 429]);
    const behindProxy: number[] = [];
    for (let index = 0; index < 6; index++) behindProxy.push(await guess(plane.url, `203.0.113.${index}, 198.51.100.250`));
    expect(behindProxy).toEqual([401, 401, 401, 401, 401, 429]);
  });

  it("close an address that sends bad signatures only, for signatures of that kind", async () => {
    const address = from();
    const report = () =>
      plane.as(undefined)("POST", "/v1/telemetry/report", "{}", {
        "content-type": "application/json",
        "x-telemetry-deployment-id": "dep_x",
        "x-telemetry-signature": `v1=${"0".repeat(64)}`,
        ...address,
      });
    const batch = () => plane.as(undefined)("POST", "/v1/telemetry/batch", "{}\n", { "content-type": "application/x-ndjson", ...address });
    const webhook = () =>
      plane.as(undefined)("POST", "/v1/billing/webhook", "{}", {
        "content-type": "application/json",
        "x-signature": "0".repeat(64),
        ...address,
      });
    for (let index = 0; index < 3; index++) expect((await report()).status).toBe(401);
    expect((await batch()).status).toBe(202);
    expectRefusal(await report(), 4);
    expectRefusal(await batch(), 4);
    expect((await webhook()).status).toBe(401);
    expect(await sample(plane.app.metricsUrl, "whs_rate_refusals_total", { kind: "signatures_address" })).toBe(2);
  });
});

describe("rates over Redis", () => {
  let redis: RedisServer;
  let plane: TestControlPlane;
  let other: GatewayProcess;
  beforeAll(async () => {
    redis = await startRedisServer();
    const environment = { ...rates, ...trusting, REDIS_URL: redis.url };
    plane = await startControlPlane({ environment });
    other = await startGatewayProcess(plane, environment);
  }, 180_000);
  afterAll(async () => {
    await other?.stop("SIGTERM");
    await plane?.close();
    await redis?.close();
  });
  const guess = async (base: string, address: Record<string, string>): Promise<number> =>
    (await fetch(`${base}/v1/me`, { headers: { authorization: "Bearer whs_x", ...address } })).status;

  it("are shared by processes and leave nothing in the database", async () => {
    const address = from();
    const statuses: number[] = [];
    for (let index = 0; index < 5; index++) statuses.push(await guess(index % 2 === 0 ? plane.url : other.url, address));
    expect(statuses).toEqual([401, 401, 401, 401, 401]);
    // The process that counted the fifth knows; the other learns of it with its next.
    expect(await guess(plane.url, address)).toBe(429);
    expect(await guess(other.url, address)).toBe(401);
    expect(await guess(other.url, address)).toBe(429);
    expect((await plane.pool.query("select 1 from whs.rate_limits")).rowCount).toBe(0);
  });

  it("are each process's part while Redis is gone, say so, and are shared again when it is back", async () => {
    const degraded = () => sample(plane.app.metricsUrl, "whs_limits_degraded", { store: "rates" });
    expect(await degraded()).toBe(0);
    // Until both know of each other.
    await vi.waitFor(
      async () => {
        const { rows } = await plane.pool.query<{ count: string }>(
          "select count(*) from pg_stat_activity where application_name = 'whs announcements' and datname = current_database()",
        );
        expect(Number(rows[0]?.count)).toBe(2);
      },
      { timeout: 30_000 },
    );
    await redis.kill();
    const person = await plane.user();
    const answers: Answer[] = [];
    for (let index = 0; index < 8; index++)
      answers.push(await person.request("POST", "/v1/uploads", new Uint8Array(10), { "content-type": "application/gzip" }));
    expect(answers.map(({ status }) => status)).toContain(429);
    expect(answers[0]?.status).toBe(400);
    expect(await degraded()).toBe(1);
    expect(await sample(plane.app.metricsUrl, "whs_limit_store_failures_total", { store: "rates" })).toBeGreaterThan(0);
    expect(plane.logLines.filter((line) => line.includes("The store of rate limits cannot be reached"))).toHaveLength(1);
    await redis.restart();
    await vi.waitFor(
      async () => {
        await guess(plane.url, from());
        expect(await degraded()).toBe(0);
      },
      { timeout: 30_000, interval: 200 },
    );
  });
});

describe("a process with too much to do", () => {
  let plane: TestControlPlane;
  beforeAll(async () => {
    plane = await startControlPlane({ environment: { WHS_MAX_REQUESTS_IN_FLIGHT: "1" } });
  });
  afterAll(() => plane?.close());

  it("refuses new requests with 503, answers those that watch it, and goes on with what it has begun", async () => {
    const person = await plane.user();
    await person.request("GET", "/v1/me");
    const slow = httpRequest(`${plane.url}/v1/uploads`, {
      method: "POST",
      headers: { authorization: `Bearer ${person.token}`, "content-type": "application/gzip", "content-length": "10" },
    });
    const answered = once(slow, "response");
    slow.write("12345");
    const refusal = await vi.waitFor(
      async () => {
        const answer = await person.request("GET", "/v1/me");
        expect(answer.status).toBe(503);
        return answer;
      },
      { timeout: 30_000 },
    );
    expect(refusal.body).toMatchObject({ error: { code: "UNAVAILABLE", retryable: true } });
    expect(refusal.headers.get("retry-after")).toBe("1");
    expect((await plane.as(undefined)("GET", "/healthz")).status).toBe(200);
    expect((await plane.as(undefined)("GET", "/readyz")).text).toContain("Not ready.");
    expect(await sample(plane.app.metricsUrl, "whs_overload_refusals_total", { reason: "in_flight" })).toBeGreaterThan(0);
    slow.end("67890");
    const [response] = (await answered) as [{ statusCode: number; resume: () => void }];
    expect(response.statusCode).toBe(400);
    response.resume();
    await vi.waitFor(async () => expect((await person.request("GET", "/v1/me")).status).toBe(200), { timeout: 30_000 });
  });
});
