import { newId } from "@whs/platform/ids";
import { openSecretStore } from "@whs/platform/secrets";
import { deriveTelemetryKey, signV1 } from "@whs/platform/signatures";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startControlPlane, type TestControlPlane, type TestUser } from "./harness.ts";
import { type SeededAgent, seedActiveAgent } from "./seed.ts";

let plane: TestControlPlane;
let person: TestUser;
let seeded: SeededAgent;
let root: Buffer;
beforeAll(async () => {
  plane = await startControlPlane();
  person = await plane.user();
  seeded = await seedActiveAgent(plane, person);
  const secrets = await openSecretStore(plane.config.secrets);
  root = Buffer.from((await secrets.getByPath("system/telemetry-root/1")) ?? "", "hex");
});
afterAll(() => plane.close());

const event = (over: Record<string, unknown> = {}) => ({
  eventId: newId("evt"),
  userId: seeded.userId,
  agentId: seeded.agentId,
  deploymentId: seeded.deploymentId,
  runtimeProvider: "cloudflare",
  timestamp: new Date().toISOString(),
  requests: 1,
  llmTokens: 10,
  tokensEstimated: false,
  computeMs: 5,
  toolCalls: 0,
  platformToolCalls: 0,
  codeExecutionSeconds: 0,
  browserSessions: 0,
  errors: 0,
  errorClass: null,
  provider: { cloudflare: { durableObjectOps: 0, workersAICalls: 0 }, agentcore: null },
  costUsdEstimated: 0.001,
  traceId: newId("trc"),
  ...over,
});

const keyOf = (deploymentId: string, version = 1) => deriveTelemetryKey(root, deploymentId, version);

function report(body: unknown, options: { signature?: string; deploymentId?: string; version?: number } = {}) {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const deploymentId = options.deploymentId ?? seeded.deploymentId;
  const signature = options.signature ?? signV1(keyOf(deploymentId, options.version), Buffer.from(text));
  return plane.as(undefined)("POST", "/v1/telemetry/report", text, {
    "content-type": "application/json",
    "x-telemetry-deployment-id": deploymentId,
    "x-telemetry-signature": signature,
  });
}

const usage = async () =>
  (
    await person.request<{ totals: { requests: number; tokens: number; errors: number; costUsdEstimated: number } }>(
      "GET",
      "/v1/billing/usage",
    )
  ).body.totals;

describe("a telemetry event", () => {
  it("counts once, however often it comes, also at the same time", async () => {
    const before = await usage();
    const one = event();
    const answers = await Promise.all(Array.from({ length: 50 }, () => report(one)));
    expect(answers.every((answer) => answer.status === 202)).toBe(true);
    expect(answers.filter((answer) => !("duplicate" in answer.body))).toHaveLength(1);
    const after = await usage();
    expect(after.requests - before.requests).toBe(1);
    expect(after.tokens - before.tokens).toBe(10);
  });

  it("without an id is known by its deployment and trace", async () => {
    const before = await usage();
    const { eventId: _, ...withoutId } = event();
    expect((await report(withoutId)).body).toMatchObject({ accepted: true });
    expect((await report({ ...withoutId, timestamp: new Date(Date.parse(withoutId.timestamp) + 1).toISOString() })).body).toMatchObject({
      duplicate: true,
    });
    expect((await usage()).requests - before.requests).toBe(1);
  });

  it("may name its cost costUsd", async () => {
    const { costUsdEstimated: _, ...rest } = event();
    const before = await usage();
    expect((await report({ ...rest, costUsd: 0.25 })).status).toBe(202);
    expect((await usage()).costUsdEstimated - before.costUsdEstimated).toBeCloseTo(0.25, 9);
  });

  it.each([
    [
      "a changed byte",
      (text: string) =>
        report(text.replace('"llmTokens":10', '"llmTokens":11'), { signature: signV1(keyOf(seeded.deploymentId), Buffer.from(text)) }),
    ],
    ["another deployment's key", (text: string) => report(text, { signature: signV1(keyOf("dep_other"), Buffer.from(text)) })],
    ["a version that is not there yet", (text: string) => report(text, { version: 2 })],
    ["an unknown deployment", (text: string) => report(text, { deploymentId: newId("dep") })],
    ["no signature", (text: string) => report(text, { signature: "" })],
    [
      "an API credential in place of one",
      (text: string) =>
        plane.as(person.token)("POST", "/v1/telemetry/report", text, {
          "content-type": "application/json",
          "x-telemetry-deployment-id": seeded.deploymentId,
        }),
    ],
  ])("with %s is refused, always by the same answer", async (_name, send) => {
    const before = await usage();
    const answer = await send(JSON.stringify(event()));
    expect(answer.status).toBe(401);
    expect(answer.body).toMatchObject({
      error: { code: "UNAUTHENTICATED", message: "The signature is not valid.", details: {}, retryable: false },
    });
    expect(await usage()).toEqual(before);
  });

  it("that claims somebody else's agent is refused and audited, though signed well", async () => {
    const other = await seedActiveAgent(plane, await plane.user("victim"));
    for (const claim of [
      { userId: other.userId },
      { agentId: other.agentId },
      { deploymentId: other.deploymentId },
      { runtimeProvider: "agentcore" },
    ]) {
      expect(await report(event(claim))).toMatchObject({ status: 403, body: { error: { code: "UNAUTHORIZED" } } });
    }
    const audit = await person.request<{ items: { action: string }[] }>("GET", "/v1/audit");
    expect(audit.body.items.filter((entry) => entry.action === "telemetry.rejected")).toHaveLength(4);
  });

  it.each([
    ["negative tokens", { llmTokens: -1 }, "llmTokens"],
    ["more than any number may be", { computeMs: 1e300 }, "computeMs"],
    ["two requests", { requests: 2 }, "requests"],
    ["an unknown field", { prompt: "hello" }, "prompt"],
    ["an unknown class of error", { errorClass: "cosmic" }, "errorClass"],
    ["a time long past", { timestamp: new Date(Date.now() - 25 * 3_600_000).toISOString() }, "timestamp"],
    ["a time to come", { timestamp: new Date(Date.now() + 3_600_000).toISOString() }, "timestamp"],
    ["a text for an id", { eventId: "evt_x" }, "eventId"],
    ["an id without a UUIDv7 in it", { eventId: `evt_${"7".repeat(26)}` }, "eventId"],
  ])("with %s is refused and the field named", async (_name, over, fieldName) => {
    expect(await report(event(over))).toMatchObject({
      status: 400,
      body: { error: { code: "INVALID_REQUEST", details: { fields: [{ fieldName }] } } },
    });
  });

  it("kept through an outage of hours counts", async () => {
    const timestamp = new Date(Date.now() - 20 * 3_600_000).toISOString();
    const { eventId: _, ...rest } = event({ timestamp });
    expect((await report(rest)).status).toBe(202);
  });

  it("too large is refused before its signature is looked at", async () => {
    expect((await report(`{"x":"${"a".repeat(70_000)}"}`, { signature: "v1=bad" })).status).toBe(413);
  });

  it("shows in metrics, where empty buckets are zeros", async () => {
    await report(event());
    for (const bucket of ["minute", "hour", "day"]) {
      const { body } = await person.request<{ series: { requests: number; start: string }[] }>(
        "GET",
        `/v1/agents/${seeded.agentId}/metrics?bucket=${bucket}`,
      );
      expect(body.series).toHaveLength(24);
      // The last bucket, or the one before where a minute, an hour or a day has begun since.
      expect(body.series.slice(-2).reduce((sum, { requests }) => sum + requests, 0)).toBeGreaterThan(0);
      expect(body.series[0]).toMatchObject({ requests: 0, tokens: 0, computeMs: 0, errors: 0, costUsdEstimated: 0 });
    }
  });

  it.each(["to=0000-01-01T00:00:00Z", "to=9999-12-31T23:59:59Z", "from=9999-12-31T00:00:00Z", "to=9999-12-31T23:59:59-23:59"])(
    "refuses metrics of %s, whose buckets no answer can name",
    async (range) => {
      const { status, body } = await person.request<{ error: { code: string } }>("GET", `/v1/agents/${seeded.agentId}/metrics?${range}`);
      expect([status, body.error.code]).toEqual([400, "INVALID_REQUEST"]);
    },
  );
});

describe("a batch", () => {
  const line = (body: unknown, signature?: string) => {
    const text = JSON.stringify(body);
    return JSON.stringify({
      deploymentId: seeded.deploymentId,
      signature: signature ?? signV1(keyOf(seeded.deploymentId), Buffer.from(text)),
      event: text,
    });
  };
  const send = (lines: string[]) =>
    plane.as(undefined)<{ accepted: number; duplicates: number; rejected: unknown[] }>("POST", "/v1/telemetry/batch", lines.join("\n"), {
      "content-type": "application/x-ndjson",
    });

  it("takes good lines and names bad ones", async () => {
    const good = event();
    const answer = await send([line(good), "not json", line(event(), "v1=00"), line(good), line(event({ llmTokens: -1 })), line(event())]);
    expect(answer.status).toBe(202);
    expect(answer.body).toMatchObject({
      accepted: 2,
      duplicates: 1,
      rejected: [
        { line: 2, code: "INVALID_REQUEST" },
        { line: 3, code: "UNAUTHENTICATED" },
        { line: 5, code: "INVALID_REQUEST" },
      ],
    });
  });

  it("of more than a thousand lines is refused as a whole", async () => {
    expect((await send(Array.from({ length: 1001 }, () => "x"))).status).toBe(400);
  });
});

describe("rotating a telemetry key", () => {
  it("accepts the new version at once and the old one for the overlap", async () => {
    const own = await seedActiveAgent(plane, person, "rotated");
    const send = (version: number) =>
      report(event({ agentId: own.agentId, deploymentId: own.deploymentId }), { deploymentId: own.deploymentId, version });
    expect((await send(1)).status).toBe(202);
    const rotated = await person.request<{ keyVersion: number; overlapUntil: string }>(
      "POST",
      `/v1/deployments/${own.deploymentId}/telemetry-key/rotate`,
    );
    expect(rotated).toMatchObject({ status: 200, body: { keyVersion: 2 } });
    expect(Date.parse(rotated.body.overlapUntil)).toBeGreaterThan(Date.now());
    expect((await send(1)).status).toBe(202);
    await expect.poll(async () => (await send(2)).status).toBe(202);
    await plane.pool.query(
      `update whs.deployments set telemetry_auth_ref = '{"rootKeyId":"1","version":3,"rotatedAt":"2026-01-01T00:00:00Z"}' where id = $1`,
      [own.deploymentId],
    );
    await expect.poll(async () => (await send(3)).status).toBe(202);
    expect((await send(2)).status).toBe(401);
    expect((await send(1)).status).toBe(401);
  });
});
