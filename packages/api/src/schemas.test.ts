import { describe, expect, test } from "vitest";
import type { z } from "zod";
import * as api from "./index.ts";

const agent = { name: "my-agent", runtimeProvider: "cloudflare" };
const accepts = (schema: z.ZodType, input: unknown): boolean => schema.safeParse(input).success;

test.each([
  ["an agent's description", api.createAgentBody, (text: string) => ({ ...agent, description: text })],
  ["an agent's framework", api.createAgentBody, (text: string) => ({ ...agent, framework: text })],
  ["a token's name", api.createTokenBody, (text: string) => ({ name: text })],
  ["a reason", api.activateBody, (text: string) => ({ reason: text })],
  ["an id", api.idParams, (text: string) => ({ id: text })],
  ["a secret's key", api.deleteSecret.params, (text: string) => ({ id: "agt_1", key: text })],
  ["a trace id to look for", api.getTrace.params, (text: string) => ({ traceId: text })],
])("%s may be any text that the database holds, and no other", (_what, schema, input) => {
  for (const text of ["plain", "ünïcödé 🎉", "line\nbreak"]) expect(accepts(schema, input(text))).toBe(true);
  for (const text of ["a\0b", "\ud800", "half \udc00 a pair"]) expect(accepts(schema, input(text))).toBe(false);
});

test.each(["abc", "a".repeat(64), "A-b_9"])("an agent may be called %s", (name) =>
  expect(accepts(api.createAgentBody, { ...agent, name })).toBe(true),
);
test.each(["", "ab", "a".repeat(65), "a b", "ä-name", "name\n", "../x"])("an agent may not be called %j", (name) =>
  expect(accepts(api.createAgentBody, { ...agent, name })).toBe(false),
);

test.each(["1", "100", "25"])("a page may have %s items", (limit) => expect(accepts(api.pageQuerySchema, { limit })).toBe(true));
test.each(["0", "101", "-1", "1.5", "", "x", "Infinity", "NaN"])("a page may not have %j items", (limit) =>
  expect(accepts(api.pageQuerySchema, { limit })).toBe(false),
);

test("prompt and messages exclude each other, and one must be there", () => {
  const messages = [{ role: "user", content: "hi" }];
  expect(accepts(api.invokeRequestSchema, { input: { prompt: "hi" } })).toBe(true);
  expect(accepts(api.invokeRequestSchema, { input: { messages } })).toBe(true);
  for (const input of [{ prompt: "hi", messages }, {}, { messages: [] }, { prompt: "" }])
    expect(accepts(api.invokeRequestSchema, { input })).toBe(false);
});

test("a message's content is bounded in bytes, not in characters", () => {
  const bytes = api.invokeLimits.messageBytes;
  for (const content of ["a".repeat(bytes), "ä".repeat(bytes / 2), "🎉".repeat(bytes / 4)]) {
    expect(accepts(api.messageSchema, { role: "user", content })).toBe(true);
    expect(accepts(api.messageSchema, { role: "user", content: `${content}a` })).toBe(false);
  }
});

test("a secret's value is bounded in bytes, and at least one must be set", () => {
  const bytes = api.secretValueMaxBytes;
  expect(accepts(api.setSecretsBody, { secrets: { KEY: "ä".repeat(bytes / 2) } })).toBe(true);
  expect(accepts(api.setSecretsBody, { secrets: { KEY: `${"ä".repeat(bytes / 2)}a` } })).toBe(false);
  expect(accepts(api.setSecretsBody, { secrets: {} })).toBe(false);
});

test("a repository is one of github.com, named plainly", () => {
  const artifact = (githubUrl: string, ref = "main") => ({ artifact: { type: "repo_ref", githubUrl, ref } });
  expect(accepts(api.createDeploymentBody, artifact("https://github.com/owner/repo.js"))).toBe(true);
  for (const url of [
    "http://github.com/o/r",
    "https://github.com.evil.test/o/r",
    "https://github.com@evil.test/o/r",
    "https://user@github.com/o/r",
    "https://github.com/o/r/../../x",
    "https://github.com/o",
    "https://github.com/o/r?x",
    "https://github.com/o/r\n",
    "https://github.com:443/o/r",
    "https://github.com/-o/r",
    "https://github.com/o/..",
    "https://github.com/o/.",
  ]) {
    expect(accepts(api.createDeploymentBody, artifact(url))).toBe(false);
  }
  for (const ref of ["v1.2.3", "feature/x", "release-1.0/a_b", "0".repeat(40)])
    expect(accepts(api.createDeploymentBody, artifact("https://github.com/o/r", ref))).toBe(true);
  for (const ref of ["-x", "a..b", "/x", "a//b", "a/", "a/./b", "a/.b", "a.", "a b", "", "a\n", "x".repeat(201)])
    expect(accepts(api.createDeploymentBody, artifact("https://github.com/o/r", ref))).toBe(false);
});

test("a telemetry event's numbers are finite, not negative and bounded", () => {
  const event = {
    userId: "usr_1",
    agentId: "agt_1",
    deploymentId: "dep_1",
    runtimeProvider: "cloudflare",
    timestamp: "2026-11-02T08:30:00Z",
    llmTokens: 1,
    computeMs: 1,
    traceId: "12345678",
  };
  expect(api.telemetryEventSchema.parse({ ...event, costUsd: 2 })).toMatchObject({ requests: 1, errors: 0, costUsdEstimated: 2 });
  for (const computeMs of [-1, Number.NaN, Infinity, 1e13, "1", null])
    expect(accepts(api.telemetryEventSchema, { ...event, computeMs })).toBe(false);
  for (const requests of [0, 2, 1.5]) expect(accepts(api.telemetryEventSchema, { ...event, requests })).toBe(false);
  expect(accepts(api.telemetryEventSchema, { ...event, prompt: "private" })).toBe(false);
});

test("a month is a month", () => {
  for (const period of ["2026-01", "2026-12"]) expect(accepts(api.periodSchema, period)).toBe(true);
  for (const period of ["2026-00", "2026-13", "2026-1", "26-01", "2026-01-01", "2026-01\n"])
    expect(accepts(api.periodSchema, period)).toBe(false);
});

describe("a delegation", () => {
  const body = (over: Record<string, unknown> = {}) => ({
    delegation: { mode: "hmac_v1", externalUserId: "user-1", idempotencyKey: "key-1", ...over },
    invoke: { input: { prompt: "hi" } },
  });
  const is = (over: Record<string, unknown>): boolean => accepts(api.delegatedInvokeBody, body(over));

  test("says for whom it is, by which key, and what it belongs to", () => {
    expect(is({})).toBe(true);
    expect(is({ correlation: { workflowId: "wf_1", attempt: 2, dryRun: false, "node.id": "ü" } })).toBe(true);
    expect(is({ correlation: Object.fromEntries(Array.from({ length: 16 }, (_, n) => [`f${n}`, "x"])) })).toBe(true);
  });

  test.each([
    ["another mode", { mode: "hmac_v2" }],
    ["no user", { externalUserId: "" }],
    ["a user that no table holds", { externalUserId: "a\0b" }],
    ["a user too long", { externalUserId: "x".repeat(257) }],
    ["no key", { idempotencyKey: "" }],
    ["a key of two words", { idempotencyKey: "two words" }],
    ["a key too long", { idempotencyKey: "x".repeat(201) }],
    ["a field that nobody knows", { onBehalf: true }],
    ["a correlation that is a list", { correlation: ["a"] }],
    ["a nested correlation", { correlation: { a: { b: 1 } } }],
    ["a correlation of too many fields", { correlation: Object.fromEntries(Array.from({ length: 17 }, (_, n) => [`f${n}`, "x"])) }],
    ["a long value in its correlation", { correlation: { a: "x".repeat(257) } }],
    ["too much correlation", { correlation: Object.fromEntries(Array.from({ length: 9 }, (_, n) => [`f${n}`, "x".repeat(256)])) }],
    ["an odd name in its correlation", { correlation: { "a b": 1 } }],
    ["a value that no table holds", { correlation: { a: "\ud800" } }],
  ])("with %s is none", (_name, over) => expect(is(over)).toBe(false));

  test("carries a whole invocation and nothing else", () => {
    expect(accepts(api.delegatedInvokeBody, { ...body(), invoke: { input: {} } })).toBe(false);
    expect(accepts(api.delegatedInvokeBody, { ...body(), agentId: "agt_1" })).toBe(false);
  });
});
