import type { OperatorStats, OperatorUser, Tier } from "@whs/api";
import { whsEndpoints } from "@whs/api";
import { createLogger } from "@whs/platform/log";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type App, createApp } from "../src/app.ts";
import { startControlPlane, type TestControlPlane, type TestUser } from "./harness.ts";
import { lemonEnvironment, sendEvent } from "./lemon-event.ts";

const operatorToken = "operator-token-of-this-test-000001";
let plane: TestControlPlane;
let secondNode: App;
let secondUrl: string;
let operator: TestUser["request"];
beforeAll(async () => {
  plane = await startControlPlane({ environment: { WHS_OPERATOR_TOKEN: operatorToken, ...lemonEnvironment } });
  secondNode = await createApp(plane.config, createLogger({ name: "second-node", level: "silent" }));
  secondUrl = await secondNode.server.listen({ host: "127.0.0.1", port: 0 });
  operator = plane.as(operatorToken);
});
afterAll(async () => {
  await secondNode.close();
  await plane.close();
});

const pathOf = (who: string, verb: string): string => `/v1/operator/users/${encodeURIComponent(who)}/${verb}`;
const emailOf = (person: TestUser): string => `${person.externalId}@example.com`;

async function known(name = "person"): Promise<TestUser & { id: string }> {
  const person = await plane.user(name);
  const { body } = await person.request<{ user: { id: string } }>("GET", "/v1/me");
  return { ...person, id: body.user.id };
}

async function tierOf(person: TestUser): Promise<Tier> {
  return (await person.request<{ user: { subscriptionTier: Tier } }>("GET", "/v1/me")).body.user.subscriptionTier;
}

const forOperators = Object.values(whsEndpoints).filter(({ access }) => access.kind === "operator");

describe("the operator's endpoints", () => {
  it.each(forOperators.map((endpoint) => [`${endpoint.method} ${endpoint.path}`, endpoint] as const))(
    "%s takes no credential but the operator's",
    async (_name, { method, path }) => {
      const person = await known();
      const { body } = await person.request<{ secret: string }>("POST", "/v1/tokens", { name: "all" });
      const target = path.replace(/\{\w+\}/, encodeURIComponent(person.externalId));
      const sent = method === "POST" && path.endsWith("tier") ? { tier: "pro" } : undefined;
      for (const token of [undefined, person.token, body.secret, `${operatorToken}x`, operatorToken.slice(1), operatorToken.toUpperCase()])
        expect(await plane.as(token)(method, target, sent)).toMatchObject({ status: 401, body: { error: { code: "UNAUTHENTICATED" } } });
      expect(await tierOf(person)).toBe("free");
      // There is no Cloudflare account here.
      expect((await operator(method, target, sent)).status).toBe(path === "/v1/operator/cloudflare/setup" ? 409 : 200);
    },
  );

  it("are not for the operator only: its token is nobody's on users' endpoints", async () => {
    expect((await operator("GET", "/v1/me")).status).toBe(401);
    expect((await operator("GET", "/v1/agents")).status).toBe(401);
  });

  it("refuse everybody where no token is configured", async () => {
    const closed = await createApp({ ...plane.config, operatorToken: undefined }, createLogger({ name: "closed", level: "silent" }));
    const url = await closed.server.listen({ host: "127.0.0.1", port: 0 });
    for (const token of [operatorToken, "undefined", ""]) {
      const response = await fetch(`${url}/v1/operator/stats`, { headers: { authorization: `Bearer ${token}` } });
      expect(response.status).toBe(401);
    }
    await closed.close();
  });
});

describe("a plan that the operator sets", () => {
  it("holds at once on every node, and is audited as the operator's", async () => {
    const person = await known();
    const elsewhere = (): Promise<unknown> =>
      fetch(`${secondUrl}/v1/me`, { headers: { authorization: `Bearer ${person.token}` } }).then((response) => response.json());
    expect(await elsewhere()).toMatchObject({ user: { subscriptionTier: "free" } });
    const answer = await operator<{ user: OperatorUser }>("POST", pathOf(person.externalId, "tier"), { tier: "enterprise" });
    expect(answer.body.user).toMatchObject({
      id: person.id,
      externalId: person.externalId,
      subscriptionTier: "enterprise",
      disabledAt: null,
    });
    expect(await elsewhere()).toMatchObject({ user: { subscriptionTier: "enterprise" }, entitlements: { agentcoreEnabled: true } });
    const audit = await person.request<{ items: { action: string; actor: string; metadata: object }[] }>("GET", "/v1/audit");
    expect(audit.body.items[0]).toMatchObject({
      action: "billing.tier_changed",
      actor: "operator",
      metadata: { from: "free", to: "enterprise" },
    });
  });

  it("outlives a renewal, but not a change of what is paid for", async () => {
    const person = await known();
    const event = { userId: person.id, subscriptionId: "501" } as const;
    await sendEvent(plane, { ...event, name: "subscription_created", tier: "starter", at: 1 });
    await operator("POST", pathOf(person.externalId, "tier"), { tier: "enterprise" });
    await sendEvent(plane, { ...event, tier: "starter", at: 2 });
    expect(await tierOf(person)).toBe("enterprise");
    await sendEvent(plane, { ...event, tier: "pro", at: 3 });
    expect(await tierOf(person)).toBe("pro");
  });

  it("does not keep a paying account below what it pays for", async () => {
    const person = await known();
    const event = { userId: person.id, subscriptionId: "502", tier: "pro" } as const;
    await sendEvent(plane, { ...event, name: "subscription_created", at: 1 });
    await operator("POST", pathOf(person.externalId, "tier"), { tier: "free" });
    expect(await tierOf(person)).toBe("free");
    await sendEvent(plane, { ...event, at: 2 });
    expect(await tierOf(person)).toBe("pro");
  });

  it.each<[string, unknown]>([
    ["no plan", {}],
    ["a plan that does not exist", { tier: "gold" }],
    ["more than a plan", { tier: "pro", forever: true }],
  ])("is refused as invalid with %s", async (_name, body) => {
    const person = await known();
    expect(await operator("POST", pathOf(person.externalId, "tier"), body)).toMatchObject({
      status: 400,
      body: { error: { code: "INVALID_REQUEST" } },
    });
  });
});

describe("an account", () => {
  it("is found by its e-mail address, in any case of letters", async () => {
    const person = await known();
    const { body } = await operator<{ user: OperatorUser }>("POST", pathOf(emailOf(person).toUpperCase(), "tier"), { tier: "pro" });
    expect(body.user.id).toBe(person.id);
  });

  it("is found by an external id with any characters", async () => {
    const token = await plane.issuer.sign({ sub: "auth0|4/ä %2F?" });
    await plane.as(token)("GET", "/v1/me");
    expect((await operator<{ user: OperatorUser }>("POST", pathOf("auth0|4/ä %2F?", "tier"), { tier: "pro" })).body.user.externalId).toBe(
      "auth0|4/ä %2F?",
    );
  });

  it("that does not exist is not found", async () => {
    for (const [verb, body] of [
      ["tier", { tier: "pro" }],
      ["disable", undefined],
      ["enable", undefined],
    ] as const)
      expect(await operator("POST", pathOf("nobody@example.com", verb), body)).toMatchObject({
        status: 404,
        body: { error: { code: "NOT_FOUND" } },
      });
  });

  it("is never picked from several with one e-mail address", async () => {
    const subjects = ["twin-a", "twin-b"];
    for (const sub of subjects) await plane.as(await plane.issuer.sign({ sub, email: "twin@example.com" }))("GET", "/v1/me");
    expect(await operator("POST", pathOf("twin@example.com", "disable"))).toMatchObject({
      status: 409,
      body: { error: { code: "CONFLICT" } },
    });
    expect((await operator("POST", pathOf("twin-a", "disable"))).status).toBe(200);
    expect((await plane.as(await plane.issuer.sign({ sub: "twin-b", email: "twin@example.com" }))("GET", "/v1/me")).status).toBe(200);
  });
});

describe("a disabled account", () => {
  it("is refused at once with every credential on every node, until it is enabled", async () => {
    const person = await known();
    const { body } = await person.request<{ secret: string }>("POST", "/v1/tokens", { name: "ci" });
    const statuses = async (): Promise<number[]> => {
      const calls = [plane.url, secondUrl].flatMap((url) =>
        [person.token, body.secret].flatMap((token) =>
          ["/v1/me", "/v1/agents"].map((path) => fetch(url + path, { headers: { authorization: `Bearer ${token}` } })),
        ),
      );
      const responses = await Promise.all(calls);
      return [...new Set(responses.map(({ status }) => status))];
    };
    expect(await statuses()).toEqual([200]);
    const disabled = await operator<{ user: OperatorUser }>("POST", pathOf(person.externalId, "disable"));
    expect(disabled.body.user.disabledAt).not.toBeNull();
    expect(await statuses()).toEqual([403]);
    expect(await person.request("GET", "/v1/me")).toMatchObject({ body: { error: { code: "UNAUTHORIZED" } } });
    const again = await operator<{ user: OperatorUser }>("POST", pathOf(emailOf(person), "disable"));
    expect(again.body.user.disabledAt).toBe(disabled.body.user.disabledAt);
    expect((await operator<{ user: OperatorUser }>("POST", pathOf(person.externalId, "enable"))).body.user.disabledAt).toBeNull();
    expect(await statuses()).toEqual([200]);
    const audit = await person.request<{ items: { action: string; actor: string }[] }>("GET", "/v1/audit");
    expect(audit.body.items.slice(0, 3).map(({ action, actor }) => `${actor} ${action}`)).toEqual([
      "operator account.enabled",
      "operator account.disabled",
      "operator account.disabled",
    ]);
  });

  it("is not let in by requests that were under way when it was disabled", async () => {
    const person = await known();
    for (let round = 0; round < 10; round += 1) {
      await operator("POST", pathOf(person.externalId, "enable"));
      const flood = Array.from({ length: 10 }, (_, index) =>
        fetch(`${index % 2 ? plane.url : secondUrl}/v1/me`, { headers: { authorization: `Bearer ${person.token}` } }),
      );
      await operator("POST", pathOf(person.externalId, "disable"));
      await Promise.all(flood);
      expect((await person.request("GET", "/v1/me")).status).toBe(403);
      const elsewhere = await fetch(`${secondUrl}/v1/me`, { headers: { authorization: `Bearer ${person.token}` } });
      expect(elsewhere.status).toBe(403);
    }
  });
});

describe("the statistics", () => {
  it("count accounts, agents, subscriptions and usage", async () => {
    const before = (await operator<OperatorStats>("GET", "/v1/operator/stats")).body;
    const person = await known();
    await person.request("POST", "/v1/agents", { name: "one", runtimeProvider: "cloudflare" });
    await sendEvent(plane, { userId: person.id, subscriptionId: "601", name: "subscription_created", tier: "starter" });
    const period = new Date().toISOString().slice(0, 7);
    await plane.pool.query(
      "insert into whs.usage_counters (user_id, period, runtime_provider, requests, tokens, compute_ms, errors, cost_usd_estimated) values ($1, $2, 'cloudflare', 3, 40, 500, 1, 0.25)",
      [person.id, period],
    );
    const after = (await operator<OperatorStats>("GET", "/v1/operator/stats")).body;
    expect(after.users).toEqual({
      ...before.users,
      total: before.users.total + 1,
      byTier: { ...before.users.byTier, starter: before.users.byTier.starter + 1 },
    });
    expect(after.agents).toEqual({
      total: before.agents.total + 1,
      byStatus: { ...before.agents.byStatus, created: before.agents.byStatus.created + 1 },
    });
    expect(after.subscriptions.running).toBe(before.subscriptions.running + 1);
    expect(after.usage).toEqual({ period, requests: 3, tokens: 40, computeMs: 500, errors: 1, costUsdEstimated: 0.25 });
  });
});
