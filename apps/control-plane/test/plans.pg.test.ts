import { whsEndpoints } from "@whs/api";
import { createAuditedWrite, openDatabase } from "@whs/platform/db";
import { newId } from "@whs/platform/ids";
import { createLogger } from "@whs/platform/log";
import { globSync, readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openAnnouncements } from "../src/announcements.ts";
import { createApp } from "../src/app.ts";
import type { Schema } from "../src/database.ts";
import { endSubscriptions } from "../src/features/billing/index.ts";
import { auditOf, createCustomer, type Customer, tell, tierOf } from "./customer.ts";
import { startControlPlane, type TestControlPlane } from "./harness.ts";
import { lemonEnvironment, type LemonEvent } from "./lemon-event.ts";

let plane: TestControlPlane;
beforeAll(async () => {
  plane = await startControlPlane({ environment: lemonEnvironment });
});
afterAll(() => plane.close());

const customer = (name?: string): Promise<Customer> => createCustomer(plane, name);
const send = (person: Customer, event: LemonEvent) => tell(plane, person, event);

describe("losing a plan", () => {
  it("gates AgentCore and further agents from the next request on, on every node", async () => {
    const node = await createApp(plane.config, createLogger({ name: "second-node", level: "silent" }));
    const url = await node.server.listen({ host: "127.0.0.1", port: 0 });
    const person = await customer();
    const elsewhere = async (body: object): Promise<{ status: number; code: string | undefined; limitType: string | undefined }> => {
      const response = await fetch(`${url}/v1/agents`, {
        method: "POST",
        headers: { authorization: `Bearer ${person.token}`, "content-type": "application/json" },
        body: JSON.stringify(body),
      });
      const { error } = (await response.json()) as { error?: { code: string; details: { limitType?: string } } };
      return { status: response.status, code: error?.code, limitType: error?.details.limitType };
    };
    await send(person, { name: "subscription_created", tier: "pro", at: 1 });
    for (let index = 0; index < 5; index += 1)
      expect(await elsewhere({ name: `agent-${index}`, runtimeProvider: "cloudflare" })).toMatchObject({ status: 201 });
    expect(await elsewhere({ name: "core", runtimeProvider: "agentcore" })).toMatchObject({ status: 201 });
    await send(person, { name: "subscription_expired", status: "expired", at: 2 });
    expect(await elsewhere({ name: "core-2", runtimeProvider: "agentcore" })).toMatchObject({
      status: 402,
      code: "LIMIT_EXCEEDED",
      limitType: "runtimeGated",
    });
    expect(await elsewhere({ name: "sixth", runtimeProvider: "cloudflare" })).toMatchObject({
      status: 402,
      code: "LIMIT_EXCEEDED",
      limitType: "maxAgents",
    });
    await node.close();
  });

  it("happens by the clock when a cancelled subscription ends, and not a moment earlier", async () => {
    const person = await customer();
    const endsAt = "2030-06-01T00:00:00.000Z";
    await send(person, { name: "subscription_created", tier: "pro", at: 1 });
    await send(person, { name: "subscription_cancelled", status: "cancelled", endsAt, at: 2 });
    await endAt(new Date(Date.parse(endsAt) - 1));
    expect(await tierOf(person)).toBe("pro");
    await endAt(new Date(endsAt));
    expect(await tierOf(person)).toBe("free");
    expect(await auditOf(person)).toContain("billing.subscription_ended");
    await endAt(new Date(endsAt));
    expect((await auditOf(person)).filter((action) => action === "billing.subscription_ended")).toHaveLength(1);
    await send(person, { name: "subscription_resumed", status: "active", at: 3 });
    expect(await tierOf(person)).toBe("pro");
  });

  it("spares another subscription that still runs", async () => {
    const person = await customer();
    const endsAt = "2031-06-01T00:00:00.000Z";
    await send(person, { tier: "pro", status: "cancelled", name: "subscription_cancelled", endsAt, at: 1 });
    await send(person, { subscriptionId: `${person.subscriptionId}0`, tier: "starter", at: 1 });
    await endAt(new Date(endsAt));
    expect(await tierOf(person)).toBe("starter");
  });

  it("comes to the test mode's plans once real money moves", async () => {
    const person = await customer();
    await plane.pool.query("update whs.users set subscription_tier = 'pro' where id = $1", [person.id]);
    await plane.pool.query(
      "insert into whs.subscriptions (id, user_id, provider, provider_subscription_id, tier, status, provider_updated_at) values ($1, $2, 'local', $3, 'pro', 'active', now())",
      [newId("sub"), person.id, person.subscriptionId],
    );
    await endAt(new Date(), false);
    expect(await tierOf(person)).toBe("pro");
    await endAt(new Date());
    expect(await tierOf(person)).toBe("free");
  });
});

/** The job at a time of the test's choice, on a node of its own that tells the others. */
async function endAt(time: Date, testModeIsOver = true): Promise<void> {
  const log = createLogger({ name: "clock", level: "silent" });
  const database = openDatabase<Schema>({ url: plane.config.databaseUrl, applicationName: "clock", log });
  const announcements = await openAnnouncements({ url: plane.config.databaseUrl, db: database.kysely, log });
  const traceId = newId("trc");
  await endSubscriptions(
    {
      db: database.kysely,
      now: () => time,
      traceId,
      writeFor: (userId) =>
        createAuditedWrite({ userId, actor: "job:end_subscriptions", traceId }, { kysely: database.kysely, auditTable: "whs.audit_log" }),
      forgetUser: (userId) => announcements.announce("user", userId),
    },
    testModeIsOver,
  );
  await announcements.close();
  await database.close();
}

describe("a checkout", () => {
  it.each<[string, unknown]>([
    ["the plan without payment", { tier: "free" }],
    ["a plan that does not exist", { tier: "gold" }],
    ["no plan", {}],
    ["a field that it does not know", { tier: "pro", price: 0 }],
  ])("of %s is refused as invalid", async (_name, body) => {
    const person = await customer();
    expect(await person.request("POST", "/v1/billing/checkout", body)).toMatchObject({
      status: 400,
      body: { error: { code: "INVALID_REQUEST" } },
    });
  });

  it("of the plan that one has is a conflict", async () => {
    const person = await customer();
    await send(person, { tier: "pro" });
    expect(await person.request("POST", "/v1/billing/checkout", { tier: "pro" })).toMatchObject({
      status: 409,
      body: { error: { code: "CONFLICT" } },
    });
  });

  it.each(["/v1/billing/checkout", "/v1/billing/portal"])("needs a user's credential with its scope: POST %s", async (target) => {
    const person = await customer();
    const body = target.endsWith("checkout") ? { tier: "pro" } : undefined;
    expect((await plane.as(undefined)("POST", target, body)).status).toBe(401);
    const created = await person.request<{ secret: string }>("POST", "/v1/tokens", { name: "reader", scopes: ["agents:read"] });
    expect(await plane.as(created.body.secret)("POST", target, body)).toMatchObject({
      status: 403,
      body: { error: { code: "UNAUTHORIZED" } },
    });
  });

  it("has no portal before anything was bought", async () => {
    const person = await customer();
    expect(await person.request("POST", "/v1/billing/portal")).toMatchObject({ status: 409, body: { error: { code: "CONFLICT" } } });
  });
});

describe("nobody but a verified webhook or the operator", () => {
  it("changes a plan: no endpoint for users does, whatever is sent to it", async () => {
    const person = await customer();
    const claims = {
      tier: "enterprise",
      subscriptionTier: "enterprise",
      subscription_tier: "enterprise",
      user: { subscriptionTier: "enterprise" },
    };
    const forUsers = Object.values(whsEndpoints).filter(({ access, method }) => access.kind === "user" && method !== "GET");
    expect(forUsers.length).toBeGreaterThan(10);
    for (const { method, path: target } of forUsers) {
      const place = target.replaceAll(/\{\w+\}/g, person.id);
      for (const body of [claims, { name: "x", runtimeProvider: "cloudflare", ...claims }, { tier: "enterprise" }]) {
        // The provider of this test cannot be reached, and need not be.
        if (target === "/v1/billing/checkout" && Object.keys(body).length === 1) continue;
        await person.request(method, place, body);
        await person.request(method, `${place}?tier=enterprise&subscriptionTier=enterprise`, body);
      }
    }
    expect(await tierOf(person)).toBe("free");
  });

  it("has code that writes the column of the plan", () => {
    const source = path.resolve(import.meta.dirname, "../src");
    const writers = globSync("**/*.ts", { cwd: source }).filter((file) =>
      /\.set\(\{[^}]*subscription_tier|values\(\{[^}]*subscription_tier|set subscription_tier/s.test(
        readFileSync(path.join(source, file), "utf8"),
      ),
    );
    expect(writers.toSorted()).toEqual(["features/billing/store.ts", "features/operator/store.ts"]);
  });
});
