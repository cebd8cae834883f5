import type { Tier } from "@whs/api";
import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Answer, startControlPlane, type TestControlPlane, type TestUser } from "./harness.ts";

let plane: TestControlPlane;
beforeAll(async () => {
  plane = await startControlPlane({ environment: { WEB_URL: "https://console.example.com" } });
});
afterAll(() => plane.close());

async function checkout(person: TestUser, tier: Tier, headers: Record<string, string> = {}): Promise<Answer<{ checkoutUrl: string }>> {
  return person.request<{ checkoutUrl: string }>("POST", "/v1/billing/checkout", { tier }, headers);
}

async function tierOf(person: TestUser): Promise<Tier> {
  const { body } = await person.request<{ user: { subscriptionTier: Tier } }>("GET", "/v1/me");
  return body.user.subscriptionTier;
}

/** What a browser without scripts does: sends the form's fields to the page's own address and follows the redirect. */
async function press(url: string, fields: Record<string, string>): Promise<{ status: number; text: string; url: string }> {
  const response = await fetch(url, { method: "POST", body: new URLSearchParams(fields) });
  return { status: response.status, text: await response.text(), url: response.url };
}

async function buyer(tier: Tier): Promise<{ person: TestUser; url: string }> {
  const person = await plane.user("buyer");
  const { body } = await checkout(person, tier);
  return { person, url: body.checkoutUrl };
}

describe("the test mode's page", () => {
  it("says plainly that it is a test, and offers the plan that was asked for", async () => {
    const { url } = await buyer("pro");
    const response = await fetch(url);
    const text = await response.text();
    expect(response.status).toBe(200);
    expect(text).toContain("Test mode.");
    expect(text).toContain("No money moves");
    expect(text).toMatch(/value="pro" required checked/);
    expect(text).toContain('href="https://console.example.com/plan?returned=1"');
    expect(url.startsWith(plane.url)).toBe(true);
  });

  it("runs no script, fits a keyboard, and lets the browser enforce it", async () => {
    const { url } = await buyer("pro");
    const response = await fetch(url);
    const text = await response.text();
    const policy = response.headers.get("content-security-policy") ?? "";
    expect(text).not.toMatch(/<script|\son\w+=|javascript:|style="/);
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toMatch(/unsafe|script-src/);
    const style = /<style>([^]*?)<\/style>/.exec(text)?.[1] ?? "";
    expect(policy).toContain(createHash("sha256").update(style).digest("base64"));
    expect(style).toContain("prefers-color-scheme: dark");
    expect(style).toContain(":focus-visible");
    expect(text).toMatch(/<html lang="en">/);
    expect(text.match(/<input/g)?.length).toBe(text.match(/<label class="plan">/g)?.length);
    expect(response.headers.get("referrer-policy")).toBe("no-referrer");
    expect(response.headers.get("cache-control")).toBe("no-store");
  });

  it("sells a plan by the same signed webhook that a real provider sends", async () => {
    const { person, url } = await buyer("pro");
    const paid = await press(url, { action: "pay", tier: "pro" });
    expect(paid.status).toBe(200);
    expect(paid.url).toBe(`${url}?done=pay`);
    expect(paid.text).toContain("You are on the <strong>Pro</strong> plan.");
    expect(await tierOf(person)).toBe("pro");
    const { rows } = await plane.pool.query(
      "select e.provider, e.event_name, e.outcome from whs.billing_events e join whs.users u on u.id = e.user_id where u.external_id = $1",
      [person.externalId],
    );
    expect(rows).toEqual([{ provider: "local", event_name: "subscription_created", outcome: "applied" }]);
  });

  it("lets every turn of a subscription be tried", async () => {
    const { person, url } = await buyer("starter");
    const turn = async (fields: Record<string, string>, tier: Tier, said: string): Promise<void> => {
      expect((await press(url, fields)).text).toContain(said);
      expect(await tierOf(person)).toBe(tier);
    };
    await turn({ action: "pay", tier: "starter" }, "starter", "Starter, active.");
    await turn({ action: "fail" }, "starter", "the last payment failed");
    await turn({ action: "pay", tier: "enterprise" }, "enterprise", "Enterprise, active.");
    await turn({ action: "cancel" }, "enterprise", "paid for until");
    await turn({ action: "resume" }, "enterprise", "Enterprise, active.");
    await turn({ action: "expire" }, "free", "You are on the <strong>Free</strong> plan.");
    await turn({ action: "pay", tier: "pro" }, "pro", "Pro, active.");
    const { rows } = await plane.pool.query(
      "select count(*)::int as count from whs.subscriptions s join whs.users u on u.id = s.user_id where u.external_id = $1",
      [person.externalId],
    );
    expect(rows).toEqual([{ count: 1 }]);
  });

  it("sells one subscription when the button is pressed ten times at once", async () => {
    const { person, url } = await buyer("pro");
    const pressed = await Promise.all(Array.from({ length: 10 }, () => press(url, { action: "pay", tier: "pro" })));
    expect(pressed.map(({ status }) => status)).toEqual(Array(10).fill(200));
    const { rows } = await plane.pool.query(
      "select status from whs.subscriptions s join whs.users u on u.id = s.user_id where u.external_id = $1",
      [person.externalId],
    );
    expect(rows).toEqual([{ status: "active" }]);
  });

  it("is found again by the portal", async () => {
    const { person, url } = await buyer("pro");
    await press(url, { action: "pay", tier: "pro" });
    const { body } = await person.request<{ portalUrl: string }>("POST", "/v1/billing/portal");
    expect((await press(body.portalUrl, { action: "cancel" })).text).toContain("paid for until");
  });

  it.each<[string, Record<string, string>, number]>([
    ["nothing", {}, 400],
    ["a plan that does not exist", { action: "pay", tier: "gold" }, 400],
    ["the plan without payment", { action: "pay", tier: "free" }, 400],
    ["cancelling what was never bought", { action: "cancel" }, 409],
  ])("answers %s with what is wrong, and changes nothing", async (_name, fields, status) => {
    const { person, url } = await buyer("pro");
    const answer = await press(url, fields);
    expect(answer.status).toBe(status);
    expect(answer.text).toContain('role="alert"');
    expect(await tierOf(person)).toBe("free");
  });

  it("opens by its link alone: not by a forged one, and not for a disabled account", async () => {
    const { person, url } = await buyer("pro");
    const forged = url.replace(/.(?=\.[\w-]{43}$)/, (character) => (character === "A" ? "B" : "A"));
    for (const address of [forged, `${url}x`, `${plane.url}/billing/test-mode/x`]) {
      expect((await fetch(address)).status).toBe(404);
      expect((await press(address, { action: "pay", tier: "pro" })).status).toBe(404);
    }
    await plane.pool.query("update whs.users set disabled_at = now() where external_id = $1", [person.externalId]);
    expect((await fetch(url)).status).toBe(404);
    expect((await press(url, { action: "pay", tier: "pro" })).status).toBe(404);
    const { rows } = await plane.pool.query("select subscription_tier as tier from whs.users where external_id = $1", [person.externalId]);
    expect(rows).toEqual([{ tier: "free" }]);
  });

  it("takes GET and POST, and says so of other methods", async () => {
    const { url } = await buyer("pro");
    const response = await fetch(url, { method: "DELETE" });
    expect(response.status).toBe(405);
    expect(response.headers.get("allow")).toBe("GET, HEAD, POST");
  });
});

describe("the list of plans", () => {
  interface Plans {
    plans: { tier: Tier; entitlements: { maxAgents: number }; isSold: boolean }[];
    subscription: { tier: Tier; status: string; endsAt: string | null } | null;
    isTestMode: boolean;
  }

  it("has every plan as it is configured, and the subscription of whoever asks", async () => {
    const { person, url } = await buyer("pro");
    const plansOf = async (somebody: TestUser): Promise<Plans> => (await somebody.request<Plans>("GET", "/v1/billing/plans")).body;
    const before = await plansOf(person);
    expect(before.plans.map(({ tier, isSold, entitlements }) => [tier, isSold, entitlements.maxAgents])).toEqual([
      ["free", false, 5],
      ["starter", true, 25],
      ["pro", true, 200],
      ["enterprise", true, 10_000],
    ]);
    expect([before.subscription, before.isTestMode]).toEqual([null, true]);
    await press(url, { action: "pay", tier: "pro" });
    expect((await plansOf(person)).subscription).toEqual({ tier: "pro", status: "active", endsAt: null });
    await press(url, { action: "cancel" });
    expect((await plansOf(person)).subscription).toMatchObject({ status: "cancelled", endsAt: expect.stringMatching(/Z$/) });
    await press(url, { action: "expire" });
    expect((await plansOf(person)).subscription).toBeNull();
    expect((await plansOf(await plane.user())).subscription).toBeNull();
    expect((await fetch(`${plane.url}/v1/billing/plans`)).status).toBe(401);
  });
});

describe("a checkout in test mode", () => {
  it("replays its answer for the same Idempotency-Key and refuses another plan under it", async () => {
    const person = await plane.user();
    const headers = { "idempotency-key": "checkout-1" };
    const first = await checkout(person, "pro", headers);
    const again = await checkout(person, "pro", headers);
    expect(again.body.checkoutUrl).toBe(first.body.checkoutUrl);
    expect(again.headers.get("idempotency-replayed")).toBe("true");
    expect((await checkout(person, "starter", headers)).status).toBe(409);
  });

  it("is audited, without its address", async () => {
    const person = await plane.user();
    const { body } = await checkout(person, "pro");
    const audit = await person.request<{ items: { action: string }[] }>("GET", "/v1/audit");
    expect(audit.body.items[0]?.action).toBe("billing.checkout_started");
    expect(audit.text).not.toContain(body.checkoutUrl.slice(-20));
  });
});
