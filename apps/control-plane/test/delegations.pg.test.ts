// Longer than a file usually is: one feature on one set of cells and gateways, which are slow to start.
import type { InvokeResponse } from "@whs/api";
import { openDatabase } from "@whs/platform/db";
import { newId } from "@whs/platform/ids";
import { createLogger } from "@whs/platform/log";
import { signatureHeader, signV1, signV2 } from "@whs/platform/signatures";
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import type { Schema } from "../src/database.ts";
import { forgetDelegations } from "../src/features/delegations/index.ts";
import { createAgent, deploy } from "./deploy.ts";
import { type GatewayProcess, startGatewayProcess } from "./gateway-process.ts";
import { type Answer, startControlPlane, type TestControlPlane, type TestUser } from "./harness.ts";

const keys = {
  shared: Buffer.from("shared-delegation-secret-of-32-bytes-or-more"),
  sharedBefore: Buffer.from("the-shared-delegation-secret-before-this-one"),
  own: Buffer.from("a-delegation-secret-of-agentelics-own-for-real"),
  ownBefore: Buffer.from("the-delegation-secret-that-agentelic-had-before"),
};
const environment = {
  WHS_DELEGATION_SECRET: keys.shared.toString(),
  WHS_DELEGATION_SECRET_PREVIOUS: keys.sharedBefore.toString(),
  WHS_DELEGATION_SECRET_AGENTELIC: keys.own.toString(),
  WHS_DELEGATION_SECRET_AGENTELIC_PREVIOUS: keys.ownBefore.toString(),
};
/** Counts its own runs, in the memory of one isolate; `wait` in the prompt makes it last as long, `fail` makes it fail. */
const source = `let runs = 0;
export default { async invoke({ messages, traceId }: any) {
  const { wait = 0, fail = false } = JSON.parse(messages.at(-1).content);
  runs += 1;
  const run = runs;
  if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
  if (fail) throw new Error("the model said no, " + run + " times");
  return "run " + run + " of " + traceId;
} };`;

let plane: TestControlPlane;
let other: GatewayProcess;
let person: TestUser;
let stranger: TestUser;
let foreignAgentId: string;
beforeAll(async () => {
  plane = await startControlPlane({ dataPlane: true, environment });
  person = await plane.user("ada");
  stranger = await plane.user("mallory");
  for (const one of [person, stranger]) await one.request("GET", "/v1/me");
  await plane.pool.query("update whs.users set subscription_tier = 'enterprise'");
  for (const one of [person, stranger]) {
    // The plan is part of what is remembered of a credential; a new one is looked up anew.
    const token = await plane.issuer.sign({ sub: one.externalId, name: "again" });
    Object.assign(one, { token, request: plane.as(token) });
  }
  foreignAgentId = await createAgent(stranger, "foreign");
  await deploy(stranger, foreignAgentId, source);
  other = await startGatewayProcess(plane, environment);
});
afterAll(async () => {
  await other?.stop("SIGKILL");
  await plane?.close();
});

let made = 0;
async function startAgent(options: { manifest?: Record<string, unknown> } = {}): Promise<string> {
  made += 1;
  const agentId = await createAgent(person, `delegated-${made}`);
  await deploy(person, agentId, source, options);
  return agentId;
}

const bodyOf = (over: Record<string, unknown> = {}, prompt: object = {}, invoke: Record<string, unknown> = {}) => ({
  delegation: { mode: "hmac_v1", externalUserId: person.externalId, idempotencyKey: randomUUID(), ...over },
  invoke: { input: { prompt: JSON.stringify(prompt) }, ...invoke },
});

interface SendOptions {
  source?: string;
  key?: Buffer;
  timestamp?: string;
  /** In place of a timestamp. */
  ageMs?: number;
  /** In place of `v1=…,v2=…`. */
  sign?: (signed: { timestamp: string; source: string; method: string; path: string; body: string }) => string;
  headers?: Record<string, string>;
  at?: string;
  signal?: AbortSignal;
}

type Body = InvokeResponse & {
  error: { code: string; message: string; retryable: boolean; details: { fields?: { fieldName: string }[] } };
};

async function send(agentId: string, body: unknown, options: SendOptions = {}): Promise<Answer<Body>> {
  const { source: from = "agentelic", key = keys.own, ageMs = 0, timestamp = String(Date.now() - ageMs), at = plane.url } = options;
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const path = `/v1/delegated/invoke/${agentId}`;
  const signed = { timestamp, source: from, method: "POST", path, body: text };
  const response = await fetch(at + path, {
    method: "POST",
    body: text,
    headers: {
      "content-type": "application/json",
      "x-whs-delegation-source": from,
      "x-whs-delegation-timestamp": timestamp,
      "x-whs-delegation-signature": options.sign ? options.sign(signed) : signatureHeader(key, signed),
      ...options.headers,
    },
    ...(options.signal ? { signal: options.signal } : {}),
  });
  const answer = await response.text();
  return { status: response.status, headers: response.headers, text: answer, body: JSON.parse(answer) as Body };
}

const replayed = (answer: Answer<Body>): boolean => answer.headers.get("idempotency-replayed") === "true";
const withoutTrace = ({ body }: Answer<Body>): unknown => ({ ...body, traceId: undefined });
const count = async (table: string): Promise<number> =>
  (await plane.pool.query<{ count: number }>(`select count(*)::int as count from whs.${table}`)).rows[0]?.count ?? 0;
interface Entry {
  actor: string;
  target: string;
  traceId: string;
  metadata: Record<string, unknown>;
}
const audited = async (agentId: string, one = person): Promise<Entry[]> =>
  (await one.request<{ items: (Entry & { action: string })[] }>("GET", "/v1/audit?limit=100")).body.items.filter(
    (entry) => entry.action === "delegation.invoked" && entry.target === agentId,
  );

describe("a delegated invocation", () => {
  it("acts as the user: their agent, their session, their usage, their audit log", async () => {
    const agentId = await startAgent();
    const usage = async () => (await person.request<{ totals: { requests: number } }>("GET", "/v1/billing/usage")).body.totals.requests;
    const before = await usage();
    const correlation = { workflowId: "wf_1", attempt: 2, dryRun: false };
    const answer = await send(agentId, bodyOf({ correlation }, {}, { metadata: { traceId: "trace-of-a-delegation" } }));
    expect(answer).toMatchObject({
      status: 200,
      body: {
        output: { text: "run 1 of trace-of-a-delegation" },
        sessionId: expect.stringMatching(/^ses_/),
        traceId: "trace-of-a-delegation",
      },
    });
    expect(replayed(answer)).toBe(false);
    expect(answer.headers.get("x-trace-id")).toBe("trace-of-a-delegation");
    expect(await audited(agentId)).toEqual([
      expect.objectContaining({
        actor: "delegation:agentelic",
        traceId: "trace-of-a-delegation",
        metadata: {
          source: "agentelic",
          outcome: "answered",
          "correlation.workflowId": "wf_1",
          "correlation.attempt": 2,
          "correlation.dryRun": false,
        },
      }),
    ]);
    const direct = await person.request<InvokeResponse>("POST", `/v1/invoke/${agentId}`, {
      input: { prompt: "{}" },
      sessionId: answer.body.sessionId,
    });
    expect(direct.body.sessionId).toBe(answer.body.sessionId);
    await expect.poll(usage).toBe(before + 2);
    expect((await person.request("GET", "/v1/traces/trace-of-a-delegation")).status).toBe(200);
    expect((await stranger.request("GET", "/v1/traces/trace-of-a-delegation")).status).toBe(404);
  });

  it("is limited as the user, by the user's plan and what is left of it", async () => {
    const poor = await plane.user("poor");
    await poor.request("GET", "/v1/me");
    const agentId = await createAgent(poor, "poor-agent");
    await deploy(poor, agentId, source);
    await plane.pool.query(
      `insert into whs.usage_counters (user_id, period, runtime_provider, requests)
       select id, to_char(now() at time zone 'utc', 'YYYY-MM'), 'cloudflare', 1000 from whs.users where external_id = $1`,
      [poor.externalId],
    );
    const answer = await send(agentId, bodyOf({ externalUserId: poor.externalId }));
    expect(answer).toMatchObject({
      status: 402,
      body: { error: { code: "LIMIT_EXCEEDED", details: { limitType: "requests", limit: 1000 } } },
    });
    expect(await audited(agentId, poor)).toMatchObject([{ metadata: { outcome: "LIMIT_EXCEEDED" } }]);
  });

  it("keeps what looks like a secret out of the audit log", async () => {
    const agentId = await startAgent();
    const secret = "sk-abcdefghijklmnopqrstuvwxyz0123456789";
    await send(agentId, bodyOf({ correlation: { note: `key ${secret}` } }));
    const [entry] = await audited(agentId);
    expect(entry?.metadata["correlation.note"]).toContain("key ");
    expect(JSON.stringify(entry)).not.toContain(secret);
  });
});

describe("a signature", () => {
  it.each<[string, SendOptions]>([
    ["over the body alone", { sign: ({ body }) => signV1(keys.own, body) }],
    ["over the whole request", { sign: (signed) => signV2(keys.own, signed) }],
    ["with the key that is being replaced", { key: keys.ownBefore }],
    ["with the shared key, of a source without its own", { source: "agentromatic", key: keys.shared }],
    ["with the shared key before it, of such a source", { source: "agentromatic", key: keys.sharedBefore }],
    ["made almost five minutes ago", { ageMs: 295_000 }],
    ["made by a clock that is almost five minutes ahead", { ageMs: -299_000 }],
  ])("%s is accepted", async (_name, options) => {
    expect(await send(await startAgent(), bodyOf(), options)).toMatchObject({ status: 200 });
  });

  const refusals: [string, SendOptions][] = [
    ["with one changed byte", { sign: ({ body }) => signV1(keys.own, body.replace("hmac_v1", "hmac_v2")) }],
    ["that is missing", { sign: () => "" }],
    ["that is none", { sign: () => "v1=abc" }],
    ["of a version that does not exist", { sign: ({ body }) => signV1(keys.own, body).replace("v1", "v3") }],
    ["with another source's key", { key: keys.shared }],
    ["with a source's own key, of a source without it", { source: "agentromatic", key: keys.own }],
    ["of a source that is not on the list", { source: "fleetprompt", key: keys.shared }],
    ["of no source", { source: "", sign: ({ body }) => signV1(keys.own, body) }],
    ["of a source in another spelling", { source: "Agentelic" }],
    ["that is too old", { ageMs: 300_100 }],
    ["from too far ahead", { ageMs: -310_000 }],
    ["over the body alone that is too old", { ageMs: 300_100, sign: ({ body }) => signV1(keys.own, body) }],
    ["without a time", { timestamp: "", sign: ({ body }) => signV1(keys.own, body) }],
    ["with a time in seconds", { timestamp: String(Math.floor(Date.now() / 1000)) }],
    ["with a time that is no number", { timestamp: "now", sign: ({ body }) => signV1(keys.own, body) }],
    [
      "whose whole is wrong though its body is right",
      { sign: (signed) => `${signV1(keys.own, signed.body)},${signV2(keys.shared, signed)}` },
    ],
    ["for another agent", { sign: (signed) => signV2(keys.own, { ...signed, path: "/v1/delegated/invoke/agt_other" }) }],
    ["for another source", { sign: (signed) => signV2(keys.own, { ...signed, source: "agentromatic" }) }],
    ["for another time", { sign: (signed) => signV2(keys.own, { ...signed, timestamp: String(Number(signed.timestamp) - 1) }) }],
    ["for another method", { sign: (signed) => signV2(keys.own, { ...signed, method: "PUT" }) }],
  ];

  it("that does not fit is refused, always by the same answer, and nothing is written", async () => {
    const agentId = await startAgent();
    const tables = ["delegated_invocations", "audit_log", "users", "idempotency_keys", "invocations"];
    const before = await Promise.all(tables.map(count));
    const answers = new Set<string>();
    for (const [name, options] of refusals) {
      const answer = await send(agentId, bodyOf(), options);
      expect([name, answer.status, answer.body.error.code]).toEqual([name, 401, "UNAUTHENTICATED"]);
      answers.add(JSON.stringify(withoutTrace(answer)));
    }
    const bearer = await person.request("POST", `/v1/delegated/invoke/${agentId}`, bodyOf());
    expect(bearer.status).toBe(401);
    expect(answers.size).toBe(1);
    expect(await Promise.all(tables.map(count))).toEqual(before);
    expect((await send(agentId, bodyOf())).body.output.text).toMatch(/^run 1 of/);
  });

  it("takes the place of a bearer token here, and nowhere else", async () => {
    const agentId = await startAgent();
    expect((await send(agentId, bodyOf(), { headers: { authorization: "Bearer nonsense" } })).status).toBe(200);
    const path = `/v1/invoke/${agentId}`;
    const body = JSON.stringify({ input: { prompt: "{}" } });
    const timestamp = String(Date.now());
    const answer = await plane.as(undefined)("POST", path, body, {
      "content-type": "application/json",
      "x-whs-delegation-source": "agentelic",
      "x-whs-delegation-timestamp": timestamp,
      "x-whs-delegation-signature": signatureHeader(keys.own, { timestamp, source: "agentelic", method: "POST", path, body }),
    });
    expect(answer.status).toBe(401);
  });

  it("is checked after the size and before the body is read", async () => {
    const agentId = await startAgent();
    const wrong: SendOptions = { key: keys.shared };
    const huge = JSON.stringify(bodyOf({}, { padding: "x".repeat(1_200_000) }));
    expect((await send(agentId, huge, wrong)).status).toBe(413);
    expect((await send(agentId, "{ not json", wrong)).status).toBe(401);
    expect((await send(agentId, "{ not json")).status).toBe(400);
    expect((await send(agentId, Buffer.from([0x22, 0xff, 0x22]).toString("latin1"))).status).toBe(400);
  });

  it("over the body alone is refused where the whole must be signed", async () => {
    const agentId = await startAgent();
    const strict = await startGatewayProcess(plane, { ...environment, WHS_REQUIRE_SIGNATURE_V2: "1" });
    onTestFinished(async () => void (await strict.stop("SIGKILL")));
    const at = strict.url;
    expect((await send(agentId, bodyOf(), { at, sign: ({ body }) => signV1(keys.own, body) })).status).toBe(401);
    expect((await send(agentId, bodyOf(), { at, sign: (signed) => signV2(keys.own, signed) })).status).toBe(200);
    expect((await send(agentId, bodyOf(), { at })).status).toBe(200);
  });

  it("counts for nothing where there are no keys", async () => {
    const agentId = await startAgent();
    const keyless = await startGatewayProcess(plane);
    onTestFinished(async () => void (await keyless.stop("SIGKILL")));
    expect((await send(agentId, bodyOf(), { at: keyless.url })).status).toBe(401);
  });
});

describe("what cannot be seen", () => {
  it("answers the same, byte for byte: unknown users, unknown agents, foreign agents, deleted agents", async () => {
    const deleted = await startAgent();
    await person.request("DELETE", `/v1/agents/${deleted}`);
    const before = [await count("delegated_invocations"), await count("users")];
    const cases: [string, unknown][] = [
      [newId("agt"), bodyOf()],
      ["nonsense", bodyOf()],
      [foreignAgentId, bodyOf()],
      [deleted, bodyOf()],
      [foreignAgentId, bodyOf({ externalUserId: "nobody-ever" })],
      [newId("agt"), bodyOf({ externalUserId: "nobody-ever" })],
    ];
    const seen = new Set<string>();
    for (const [agentId, body] of cases) {
      for (const answer of [await send(agentId, body), await send(agentId, body)]) {
        expect([answer.status, replayed(answer)]).toEqual([404, false]);
        seen.add(answer.text.replace(answer.body.traceId, ""));
      }
    }
    expect(seen.size).toBe(1);
    expect([await count("delegated_invocations"), await count("users")]).toEqual(before);
  });

  it("is the account that is disabled, at once, stored answers included", async () => {
    const gone = await plane.user("gone");
    await gone.request("GET", "/v1/me");
    const agentId = await createAgent(gone, "gone-agent");
    await deploy(gone, agentId, source);
    const body = bodyOf({ externalUserId: gone.externalId });
    expect((await send(agentId, body)).status).toBe(200);
    await plane.pool.query("update whs.users set disabled_at = now() where external_id = $1", [gone.externalId]);
    for (const one of [body, bodyOf({ externalUserId: gone.externalId })])
      expect(await send(agentId, one)).toMatchObject({ status: 403, body: { error: { code: "UNAUTHORIZED" } } });
  });
});

it.each<[string, unknown, string]>([
  ["no delegation", { invoke: { input: { prompt: "{}" } } }, "delegation"],
  ["another mode", () => bodyOf({ mode: "jwt" }), "delegation.mode"],
  ["no user", () => bodyOf({ externalUserId: null }), "delegation.externalUserId"],
  ["a user that no table can hold", () => bodyOf({ externalUserId: "a\0b" }), "delegation.externalUserId"],
  ["a key of two words", () => bodyOf({ idempotencyKey: "two words" }), "delegation.idempotencyKey"],
  ["a nested correlation", () => bodyOf({ correlation: { a: { b: 1 } } }), "delegation.correlation.a"],
  ["no invocation", () => ({ delegation: bodyOf().delegation }), "invoke"],
  ["an invocation without input", () => bodyOf({}, {}, { input: {} }), "invoke.input"],
  ["a field that nobody knows", () => ({ ...bodyOf(), agentId: "agt_1" }), "agentId"],
])("a delegation with %s is refused and the field named; its key stays free", async (_name, body, fieldName) => {
  const before = await count("delegated_invocations");
  const answer = await send(foreignAgentId, typeof body === "function" ? (body as () => unknown)() : body);
  expect(answer).toMatchObject({ status: 400, body: { error: { code: "INVALID_REQUEST" } } });
  expect(answer.body.error.details.fields?.map((field) => field.fieldName)).toContain(fieldName);
  expect(await count("delegated_invocations")).toBe(before);
});

describe("the same key of the same user and agent", () => {
  it("gets the stored answer, whoever sends it and however it is spaced", async () => {
    const agentId = await startAgent();
    const body = bodyOf();
    const first = await send(agentId, body);
    const second = await send(agentId, JSON.stringify(body, null, 2), { source: "agentromatic", key: keys.shared, at: other.url });
    expect([second.status, replayed(second), withoutTrace(second)]).toEqual([200, true, withoutTrace(first)]);
    expect(second.body.traceId).toBe(second.headers.get("x-trace-id"));
    expect(second.body.traceId).not.toBe(first.body.traceId);
    expect(await audited(agentId)).toHaveLength(1);
  });

  it("with another body is a conflict, and the agent does not run", async () => {
    const agentId = await startAgent();
    const body = bodyOf();
    await send(agentId, body);
    for (const changed of [
      { ...body, invoke: { input: { prompt: '{"other":1}' } } },
      { ...body, delegation: { ...body.delegation, correlation: { a: 1 } } },
    ]) {
      expect(await send(agentId, changed)).toMatchObject({
        status: 409,
        body: { error: { code: "CONFLICT", retryable: false, message: "This idempotencyKey was used with another body; use a new key." } },
      });
    }
    expect((await send(agentId, bodyOf())).body.output.text).toMatch(/^run 2 of/);
  });

  it("is another one for another agent, and for another user", async () => {
    const [one, two] = [await startAgent(), await startAgent()];
    const key = { idempotencyKey: "the-same-key" };
    const answers = [
      await send(one, bodyOf(key)),
      await send(two, bodyOf(key)),
      await send(foreignAgentId, bodyOf({ ...key, externalUserId: stranger.externalId })),
    ];
    expect(answers.map((answer) => [answer.status, replayed(answer)])).toEqual([
      [200, false],
      [200, false],
      [200, false],
    ]);
  });

  it("runs the agent once under fifty duplicates at once, at two gateways", async () => {
    const agentId = await startAgent();
    const body = bodyOf({}, { wait: 300 });
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) => send(agentId, body, { at: index % 2 === 0 ? plane.url : other.url })),
    );
    expect(new Set(answers.map((answer) => JSON.stringify([answer.status, withoutTrace(answer)]))).size).toBe(1);
    expect(answers[0]).toMatchObject({ status: 200, body: { output: { text: expect.stringMatching(/^run 1 of/) } } });
    expect(answers.filter((answer) => !replayed(answer))).toHaveLength(1);
    expect(await audited(agentId)).toHaveLength(1);
    expect((await send(agentId, bodyOf())).body.output.text).toMatch(/^run 2 of/);
  });

  it("gets the failure that it got, without another run", async () => {
    const agentId = await startAgent();
    const body = bodyOf({}, { fail: true });
    const first = await send(agentId, body);
    expect(first).toMatchObject({ status: 502, body: { error: { code: "RUNTIME_ERROR", retryable: false } } });
    const second = await send(agentId, body);
    expect([second.status, replayed(second), withoutTrace(second)]).toEqual([502, true, withoutTrace(first)]);
    expect(await audited(agentId)).toMatchObject([{ metadata: { source: "agentelic", outcome: "RUNTIME_ERROR" } }]);
    expect((await send(agentId, bodyOf())).body.output.text).toMatch(/^run 2 of/);
  });

  it("may be tried anew after a failure that passes", async () => {
    const agentId = await startAgent();
    const body = bodyOf();
    await plane.supervisor().kill("SIGKILL");
    const down = await send(agentId, body);
    expect(down.body.error).toMatchObject({ retryable: true });
    await plane.supervisor().restart();
    const up = await send(agentId, body);
    expect([up.status, replayed(up)]).toEqual([200, false]);
  });

  it("finds the answer of a run whose caller went away", async () => {
    const agentId = await startAgent();
    const body = bodyOf({}, { wait: 500 });
    const leaving = new AbortController();
    const left = send(agentId, body, { signal: leaving.signal });
    await expect.poll(() => count(`delegated_invocations where agent_id = '${agentId}'`)).toBe(1);
    leaving.abort();
    await expect(left).rejects.toThrow("aborted");
    const answer = await send(agentId, body);
    expect([answer.status, replayed(answer)]).toEqual([200, true]);
    expect(answer.body.output.text).toMatch(/^run 1 of/);
  });
});

describe("what is stored of a delegation", () => {
  const rowOf = async (agentId: string): Promise<Record<string, unknown>> => {
    const { rows } = await plane.pool.query<Record<string, unknown>>("select * from whs.delegated_invocations where agent_id = $1", [
      agentId,
    ]);
    expect(rows).toHaveLength(1);
    return rows[0] as Record<string, unknown>;
  };
  const forget = async (): Promise<void> => {
    const log = createLogger({ name: "test", level: "silent" });
    const database = openDatabase<Schema>({ url: plane.config.databaseUrl, applicationName: "test", maxConnections: 1, log });
    try {
      await forgetDelegations(database.kysely);
    } finally {
      await database.close();
    }
  };
  const age = (agentId: string, column: "answer_expires_at" | "expires_at" | "claimed_until") =>
    plane.pool.query(`update whs.delegated_invocations set ${column} = now() - interval '1 second' where agent_id = $1`, [agentId]);

  it("is its source, a hash of its key, and its answer encrypted, for a day and thirty", async () => {
    const agentId = await startAgent();
    const answer = await send(agentId, bodyOf({ idempotencyKey: "a-key-in-plain-words" }));
    const row = await rowOf(agentId);
    expect(row).toMatchObject({ external_user_id: person.externalId, source: "agentelic", status: "done" });
    const readable = JSON.stringify(row) + (row["response"] as Buffer).toString("latin1");
    for (const text of ["a-key-in-plain-words", answer.body.output.text, answer.body.sessionId ?? ""]) expect(readable).not.toContain(text);
    const hoursLeft = (column: string): number => Math.round(((row[column] as Date).getTime() - Date.now()) / 3_600_000);
    expect([hoursLeft("answer_expires_at"), hoursLeft("expires_at")]).toEqual([24, 720]);
  });

  it("is refused when the answer is gone and the key is known, and begins anew when the key is gone too", async () => {
    const agentId = await startAgent();
    const body = bodyOf();
    await send(agentId, body);
    const over = {
      status: 409,
      body: {
        error: {
          code: "CONFLICT",
          retryable: false,
          message: "This idempotencyKey was answered more than 24 hours ago and its answer is not kept; use a new key.",
        },
      },
    };
    await age(agentId, "answer_expires_at");
    expect(await send(agentId, body)).toMatchObject(over);
    expect((await rowOf(agentId))["response"]).not.toBeNull();
    await forget();
    expect((await rowOf(agentId))["response"]).toBeNull();
    expect(await send(agentId, body)).toMatchObject(over);
    expect(await send(agentId, { ...body, invoke: { input: { prompt: "{ }" } } })).toMatchObject({
      body: { error: { message: expect.stringContaining("another body") } },
    });
    await age(agentId, "expires_at");
    await forget();
    expect(await count(`delegated_invocations where agent_id = '${agentId}'`)).toBe(0);
    const anew = await send(agentId, body);
    expect([anew.status, replayed(anew)]).toEqual([200, false]);
  });

  it("stays as it is while its time lasts", async () => {
    const agentId = await startAgent();
    const body = bodyOf();
    await send(agentId, body);
    await forget();
    expect(replayed(await send(agentId, body))).toBe(true);
  });

  it("survives the gateway: an answer that was given is given again, one that was not is made by whoever takes over", async () => {
    const agentId = await startAgent();
    const dying = await startGatewayProcess(plane, environment);
    onTestFinished(async () => void (await dying.stop("SIGKILL")));
    const answered = bodyOf();
    const first = await send(agentId, answered, { at: dying.url });
    const cut = bodyOf({}, { wait: 2000 });
    const lost = send(agentId, cut, { at: dying.url }).then(
      () => "answered",
      () => "lost",
    );
    await expect.poll(() => count(`delegated_invocations where agent_id = '${agentId}' and status = 'running'`)).toBe(1);
    await dying.stop("SIGKILL");
    expect(await lost).toBe("lost");

    expect(withoutTrace(await send(agentId, answered))).toEqual(withoutTrace(first));
    await plane.pool.query(
      "update whs.delegated_invocations set claimed_until = now() - interval '1 second' where agent_id = $1 and status = 'running'",
      [agentId],
    );
    const answers = await Promise.all(Array.from({ length: 10 }, () => send(agentId, cut)));
    expect(new Set(answers.map((answer) => JSON.stringify([answer.status, withoutTrace(answer)]))).size).toBe(1);
    expect(answers.filter((answer) => !replayed(answer))).toHaveLength(1);
    expect(answers[0]?.status).toBe(200);
    expect(await audited(agentId)).toHaveLength(2);
  });
});
