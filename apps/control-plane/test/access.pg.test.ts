import type { ApiToken, User } from "@whs/api";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startControlPlane, type TestControlPlane } from "./harness.ts";
import { startIssuer } from "@whs/platform/testing";

let plane: TestControlPlane;
beforeAll(async () => {
  plane = await startControlPlane();
});
afterAll(() => plane.close());

describe("signing in", () => {
  it("makes the account at first sight and keeps it", async () => {
    const person = await plane.user("ada");
    const first = await person.request<{ user: User; entitlements: { maxAgents: number } }>("GET", "/v1/me");
    expect(first.status).toBe(200);
    expect(first.body.user).toMatchObject({
      email: `${person.externalId}@example.com`,
      name: "ada",
      subscriptionTier: "free",
      defaultRuntimeProvider: "cloudflare",
    });
    expect(first.body.entitlements.maxAgents).toBe(5);
    const again = await person.request<{ user: User }>("GET", "/v1/me");
    expect(again.body.user.id).toBe(first.body.user.id);
  });

  it("makes one account when fifty first requests come at once", async () => {
    const person = await plane.user("crowd");
    const answers = await Promise.all(Array.from({ length: 50 }, () => person.request<{ user: User }>("GET", "/v1/me")));
    expect(new Set(answers.map((answer) => answer.body.user.id)).size).toBe(1);
  });

  it.each([
    ["no credential", undefined],
    ["another scheme", "Basic dXNlcjpwYXNz"],
    ["an unknown API token", `Bearer whs_${"a".repeat(43)}`],
    ["no JWT at all", "Bearer abc.def.ghi"],
  ])("refuses %s with 401", async (_name, authorization) => {
    const response = await fetch(`${plane.url}/v1/me`, authorization === undefined ? {} : { headers: { authorization } });
    expect(response.status).toBe(401);
    expect(await response.json()).toMatchObject({
      error: { code: "UNAUTHENTICATED", retryable: false },
      traceId: expect.stringMatching(/^trc_/),
    });
  });

  it("refuses a token of another issuer, for another audience, expired, or changed by one character", async () => {
    const other = await startIssuer();
    const claims = { sub: "mallory" };
    const good = await plane.issuer.sign(claims);
    const tampered = good.slice(0, -2) + (good.endsWith("A") ? "BB" : "AA");
    const tokens = [
      await other.sign(claims, { issuer: plane.issuer.url }),
      await plane.issuer.sign(claims, { audience: "elsewhere" }),
      await plane.issuer.sign(claims, { expiresIn: "-10m" }),
      tampered,
    ];
    for (const token of tokens) expect((await plane.as(token)("GET", "/v1/me")).status).toBe(401);
    expect((await plane.as(good)("GET", "/v1/me")).status).toBe(200);
    await other.close();
  });
});

describe("API tokens", () => {
  const create = async (
    request: Awaited<ReturnType<TestControlPlane["user"]>>["request"],
    body: unknown,
    headers: Record<string, string> = {},
  ) => request<{ token: ApiToken; secret: string }>("POST", "/v1/tokens", body, headers);

  it("are shown once, work at once, and are listed without their secret", async () => {
    const person = await plane.user();
    const { status, body } = await create(person.request, { name: "ci" });
    expect(status).toBe(201);
    expect(body.secret).toMatch(/^whs_[A-Za-z0-9_-]{43}$/);
    expect(body.token.scopes).not.toContain("tokens:write");
    expect((await plane.as(body.secret)("GET", "/v1/me")).status).toBe(200);
    const list = await person.request<{ items: ApiToken[] }>("GET", "/v1/tokens");
    expect(list.body.items.map((token) => token.id)).toEqual([body.token.id]);
    expect(list.text).not.toContain(body.secret);
    const { rows } = await plane.pool.query("select * from whs.api_tokens where id = $1", [body.token.id]);
    expect(JSON.stringify(rows)).not.toContain(body.secret);
  });

  it("are refused from the next request on once revoked", async () => {
    const person = await plane.user();
    const { body } = await create(person.request, { name: "short-lived" });
    const asToken = plane.as(body.secret);
    expect((await asToken("GET", "/v1/me")).status).toBe(200);
    expect((await person.request("DELETE", `/v1/tokens/${body.token.id}`)).status).toBe(204);
    expect((await asToken("GET", "/v1/me")).status).toBe(401);
    expect((await person.request("DELETE", `/v1/tokens/${body.token.id}`)).status).toBe(404);
  });

  it("can do no more than their scopes, and never mint beyond their own", async () => {
    const person = await plane.user();
    const { body } = await create(person.request, { name: "minter", scopes: ["tokens:write", "agents:read"] });
    const asToken = plane.as(body.secret);
    expect((await asToken("GET", "/v1/agents")).status).toBe(200);
    expect(await asToken("POST", "/v1/agents", { name: "nope", runtimeProvider: "cloudflare" })).toMatchObject({
      status: 403,
      body: { error: { code: "UNAUTHORIZED" } },
    });
    expect((await create(asToken, { name: "wider", scopes: ["agents:write"] })).status).toBe(403);
    expect((await create(asToken, { name: "same", scopes: ["agents:read"] })).body.token.scopes).toEqual(["agents:read"]);
    expect((await create(asToken, { name: "default" })).body.token.scopes).toEqual(["agents:read"]);

    const onlyMinter = plane.as((await create(person.request, { name: "only-minter", scopes: ["tokens:write"] })).body.secret);
    expect((await create(onlyMinter, { name: "default" })).status).toBe(403);
  });

  it("end no later than the token that made them, and are shown again only to who may have them", async () => {
    const person = await plane.user();
    const expiresAt = new Date(Date.now() + 60_000).toISOString();
    const minter = (await create(person.request, { name: "minter", scopes: ["tokens:write", "agents:read"], expiresAt })).body;
    const asToken = plane.as(minter.secret);
    expect((await create(asToken, { name: "longer", expiresAt: "2090-01-01T00:00:00Z" })).status).toBe(403);
    expect((await create(asToken, { name: "same" })).body.token.expiresAt).toBe(expiresAt);
    const wide = { name: "wide", scopes: ["agents:read", "agents:write"] };
    expect((await create(person.request, wide, { "idempotency-key": "wide" })).status).toBe(201);
    const replay = await create(asToken, wide, { "idempotency-key": "wide" });
    expect(replay.status).toBe(403);
    expect(replay.text).not.toContain("whs_");
  });

  it("replay the same secret for the same Idempotency-Key, which no row holds", async () => {
    const person = await plane.user();
    const first = await create(person.request, { name: "twice" }, { "idempotency-key": "k1" });
    const second = await create(person.request, { name: "twice" }, { "idempotency-key": "k1" });
    expect(second.headers.get("idempotency-replayed")).toBe("true");
    expect(second.body).toMatchObject({ token: first.body.token, secret: first.body.secret });
    const { rows } = await plane.pool.query("select encode(response, 'escape') as response from whs.idempotency_keys");
    expect(JSON.stringify(rows)).not.toContain(first.body.secret);
    expect(JSON.stringify(rows)).not.toContain(first.body.token.id);
  });

  it.each([
    ["an empty name", { name: "" }, "name"],
    ["an unknown scope", { name: "x", scopes: ["everything"] }, "scopes.0"],
    ["no scope at all", { name: "x", scopes: [] }, "scopes"],
    ["a time that is past", { name: "x", expiresAt: "2020-01-01T00:00:00Z" }, "expiresAt"],
    ["a time that its offset moves out of all years", { name: "x", expiresAt: "9999-12-31T23:59:59-23:59" }, "expiresAt"],
    ["a time that is none", { name: "x", expiresAt: "tomorrow" }, "expiresAt"],
    ["an unknown field", { name: "x", admin: true }, "admin"],
  ])("refuse %s and name the field", async (_name, body, fieldName) => {
    const person = await plane.user();
    const answer = await person.request("POST", "/v1/tokens", body);
    expect(answer).toMatchObject({ status: 400, body: { error: { code: "INVALID_REQUEST", details: { fields: [{ fieldName }] } } } });
  });

  it("of somebody else cannot be revoked, and look like none", async () => {
    const owner = await plane.user();
    const stranger = await plane.user();
    const { body } = await create(owner.request, { name: "mine" });
    const foreign = await stranger.request("DELETE", `/v1/tokens/${body.token.id}`);
    const unknown = await stranger.request("DELETE", "/v1/tokens/tok_01kcw0000000000000000000ab");
    expect(foreign.status).toBe(404);
    expect({ ...foreign.body, traceId: "" }).toEqual({ ...unknown.body, traceId: "" });
    expect((await plane.as(body.secret)("GET", "/v1/me")).status).toBe(200);
  });
});
