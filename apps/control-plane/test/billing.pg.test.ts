import type { Tier } from "@whs/api";
import { newId } from "@whs/platform/ids";
import fc from "fast-check";
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { at, paidTier, supersedes, type SubscriptionState } from "../src/features/billing/state.ts";
import { auditOf, createCustomer, type Customer, tell, tierOf } from "./customer.ts";
import { startControlPlane, type TestControlPlane } from "./harness.ts";
import { eventText, lemonEnvironment, type LemonEvent, previousSecret, sendEvent, sendText, signText } from "./lemon-event.ts";

let plane: TestControlPlane;
beforeAll(async () => {
  plane = await startControlPlane({ environment: lemonEnvironment });
});
afterAll(() => plane.close());

const customer = (name?: string): Promise<Customer> => createCustomer(plane, name);
const send = (person: Customer, event: LemonEvent) => tell(plane, person, event);

async function outcomes(person: Customer): Promise<string[]> {
  const { rows } = await plane.pool.query<{ outcome: string }>(
    "select outcome from whs.billing_events where user_id = $1 order by received_at",
    [person.id],
  );
  return rows.map(({ outcome }) => outcome);
}

const past = "2020-01-01T00:00:00.000000Z";
const future = "2099-01-01T00:00:00.000000Z";

describe("a billing event", () => {
  it("puts the user on the plan that was bought, at once, and says so in the audit log", async () => {
    const person = await customer();
    expect(await tierOf(person)).toBe("free");
    const answer = await send(person, { name: "subscription_created", tier: "pro" });
    expect(answer).toMatchObject({ status: 200, body: { ok: true, traceId: expect.stringMatching(/^trc_/) } });
    expect(await tierOf(person)).toBe("pro");
    expect((await person.request("POST", "/v1/agents", { name: "core", runtimeProvider: "agentcore" })).status).not.toBe(402);
    expect(await auditOf(person)).toEqual(expect.arrayContaining(["billing.tier_changed", "billing.event_received"]));
    const { rows } = await plane.pool.query(
      "select metadata, actor from whs.audit_log where user_id = $1 and action = 'billing.tier_changed'",
      [person.id],
    );
    expect(rows).toEqual([{ actor: "billing", metadata: { from: "free", to: "pro", subscription: person.subscriptionId } }]);
  });

  it.each<[string, LemonEvent, Tier]>([
    ["created on trial", { name: "subscription_created", status: "on_trial", tier: "starter" }, "starter"],
    ["updated", { name: "subscription_updated", status: "active", tier: "enterprise" }, "enterprise"],
    ["resumed", { name: "subscription_resumed", status: "active" }, "pro"],
    ["unpaused", { name: "subscription_unpaused", status: "active" }, "pro"],
    ["cancelled, its end ahead", { name: "subscription_cancelled", status: "cancelled", endsAt: future }, "pro"],
    ["cancelled, its end past", { name: "subscription_cancelled", status: "cancelled", endsAt: past }, "free"],
    ["past due", { name: "subscription_updated", status: "past_due" }, "pro"],
    ["unable to pay", { name: "subscription_payment_failed", status: "past_due" }, "pro"],
    ["unpaid", { name: "subscription_updated", status: "unpaid" }, "free"],
    ["paused", { name: "subscription_paused", status: "paused" }, "free"],
    ["expired", { name: "subscription_expired", status: "expired", endsAt: past }, "free"],
    ["expired, sent by hand with the status as it was", { name: "subscription_expired", status: "active" }, "free"],
    ["of a product that is no plan", { name: "subscription_updated", status: "active", variantId: 999 }, "free"],
    ["of a variant whose number is a text", { name: "subscription_updated", status: "active", variantId: "103" }, "enterprise"],
  ])("of a subscription that is %s leads to its plan", async (_name, event, expected) => {
    const person = await customer();
    await send(person, { name: "subscription_created", tier: "pro", at: 1 });
    expect(await tierOf(person)).toBe("pro");
    expect((await send(person, { tier: "pro", ...event, at: 2 })).status).toBe(200);
    expect(await tierOf(person)).toBe(expected);
    expect(await outcomes(person)).toEqual(["applied", "applied"]);
  });

  it.each<[string, LemonEvent]>([
    ["an order", { name: "order_created", type: "orders" }],
    ["a failed invoice", { name: "subscription_payment_failed", type: "subscription-invoices", status: "pending" }],
    ["an event that nobody knows", { name: "subscription_dreamt" }],
    ["a status that nobody knows", { name: "subscription_updated", status: "hibernating" }],
  ])("about %s is stored, changes nothing and is answered with 200", async (_name, event) => {
    const person = await customer();
    await send(person, { name: "subscription_created", tier: "pro" });
    const webhookId = randomUUID();
    expect(await send(person, { ...event, webhookId, at: 9 })).toMatchObject({ status: 200, body: { ok: true } });
    expect(await tierOf(person)).toBe("pro");
    const { rows } = await plane.pool.query("select event_name, outcome from whs.billing_events where event_id = $1", [webhookId]);
    expect(rows).toEqual([{ event_name: event.name, outcome: "ignored" }]);
  });

  it.each(["null", '"x"', '{"id":null}'])("of a kind that nobody knows, about %s, is ignored", async (data) => {
    const webhookId = randomUUID();
    const text = `{"meta":{"event_name":"dreamt","custom_data":[],"webhook_id":"${webhookId}"},"data":${data}}`;
    expect((await sendText(plane, text)).status).toBe(200);
    const { rows } = await plane.pool.query("select outcome from whs.billing_events where event_id = $1", [webhookId]);
    expect(rows).toEqual([{ outcome: "ignored" }]);
  });

  it("about nobody known is stored and ignored", async () => {
    const webhookId = randomUUID();
    expect((await sendEvent(plane, { userId: newId("usr"), subscriptionId: "1", webhookId })).status).toBe(200);
    expect((await sendEvent(plane, { subscriptionId: "2" })).status).toBe(200);
    const { rows } = await plane.pool.query("select outcome, user_id from whs.billing_events where event_id = $1", [webhookId]);
    expect(rows).toEqual([{ outcome: "ignored", user_id: null }]);
  });

  it("about a known subscription needs no user's name, and cannot give it to somebody else", async () => {
    const [owner, thief] = [await customer("owner"), await customer("thief")];
    await send(owner, { name: "subscription_created", tier: "starter", at: 1 });
    await sendEvent(plane, { subscriptionId: owner.subscriptionId, tier: "pro", at: 2 });
    expect(await tierOf(owner)).toBe("pro");
    await sendEvent(plane, { userId: thief.id, subscriptionId: owner.subscriptionId, tier: "enterprise", at: 3 });
    expect(await tierOf(thief)).toBe("free");
    expect(await tierOf(owner)).toBe("enterprise");
  });

  it("gives the highest plan of several running subscriptions", async () => {
    const person = await customer();
    const other = `${person.subscriptionId}0`;
    await send(person, { tier: "enterprise", at: 1 });
    await send(person, { subscriptionId: other, tier: "starter", at: 2 });
    expect(await tierOf(person)).toBe("enterprise");
    await send(person, { name: "subscription_expired", tier: "enterprise", status: "expired", at: 3 });
    expect(await tierOf(person)).toBe("starter");
  });
});

describe("a webhook", () => {
  it.each<[string, (text: string) => Record<string, string>]>([
    ["no signature", () => ({ "x-signature": "" })],
    ["the signature of another secret", (text) => ({ "x-signature": signText(text, "x".repeat(32)) })],
    ["the signature of another body", (text) => ({ "x-signature": signText(`${text} `) })],
    ["a signature that is cut", (text) => ({ "x-signature": signText(text).slice(1) })],
    ["two signatures, one of them right", (text) => ({ "x-signature": `${signText(text)},v2=${"0".repeat(64)}` })],
    ["a user's credential instead", () => ({ "x-signature": "", authorization: "credential" })],
  ])("with %s is refused with 401 and changes nothing", async (_name, headersFor) => {
    const person = await customer();
    const text = eventText({ userId: person.id, subscriptionId: person.subscriptionId, webhookId: randomUUID() });
    const headers = headersFor(text);
    if (headers["authorization"] !== undefined) headers["authorization"] = `Bearer ${person.token}`;
    expect(await sendText(plane, text, headers)).toMatchObject({ status: 401, body: { error: { code: "UNAUTHENTICATED" } } });
    expect(await tierOf(person)).toBe("free");
    expect(await outcomes(person)).toEqual([]);
  });

  it("with any one byte changed is refused", async () => {
    const person = await customer();
    const text = eventText({ userId: person.id, subscriptionId: person.subscriptionId });
    const bytes = Buffer.from(text);
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), async (index, difference) => {
        const changed = Buffer.from(bytes);
        changed[index] = (changed[index] as number) ^ difference;
        const headers = { "content-type": "application/json", "x-signature": signText(text) };
        expect((await plane.as(undefined)("POST", "/v1/billing/webhook", changed, headers)).status).toBe(401);
      }),
      { numRuns: 60 },
    );
    expect(await tierOf(person)).toBe("free");
  });

  it("is taken under the current and the previous secret while one replaces the other", async () => {
    const person = await customer();
    const text = eventText({ userId: person.id, subscriptionId: person.subscriptionId, tier: "starter" });
    expect((await sendText(plane, text, { "x-signature": signText(text, previousSecret) })).status).toBe(200);
    expect(await tierOf(person)).toBe("starter");
  });

  it.each<[string, string, Record<string, string>, number]>([
    ["is no JSON", "{", {}, 400],
    ["names no event", "{}", {}, 400],
    [
      "has no time",
      JSON.stringify({ meta: { event_name: "subscription_updated" }, data: { id: "1", attributes: { status: "active", variant_id: 1 } } }),
      {},
      400,
    ],
    ["has half a character in its name", eventText({ name: "dreamt_\ud800" }), {}, 400],
    ["has half a character in its id", eventText({ webhookId: "\ud800" }), {}, 400],
    ["is called otherwise in its header", eventText({}), { "x-event-name": "subscription_expired" }, 400],
    ["is no JSON by its type", "{}", { "content-type": "text/plain" }, 400],
    ["is larger than the limit", `"${"x".repeat(256 * 1024)}"`, {}, 413],
  ])("that %s is refused as invalid, its signature notwithstanding", async (_name, text, headers, status) => {
    expect(await sendText(plane, text, headers)).toMatchObject({ status, body: { error: { code: "INVALID_REQUEST" } } });
  });

  it("that is too large is refused before its signature is looked at", async () => {
    expect((await sendText(plane, "x".repeat(300_000), { "x-signature": "" })).status).toBe(413);
  });

  it("applies once by its id, whatever comes under that id again", async () => {
    const person = await customer();
    const webhookId = randomUUID();
    await send(person, { webhookId, tier: "starter", at: 1 });
    expect((await send(person, { webhookId, tier: "enterprise", at: 2 })).status).toBe(200);
    expect(await tierOf(person)).toBe("starter");
    expect(await outcomes(person)).toEqual(["applied"]);
  });

  it("applies once when twenty deliveries come at the same time, without an id as well", async () => {
    for (const webhookId of [undefined, randomUUID()]) {
      const person = await customer();
      const text = eventText({
        userId: person.id,
        subscriptionId: person.subscriptionId,
        ...(webhookId === undefined ? {} : { webhookId }),
      });
      const answers = await Promise.all(Array.from({ length: 20 }, () => sendText(plane, text)));
      expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200));
      expect(await tierOf(person)).toBe("pro");
      expect(await outcomes(person)).toEqual(["applied"]);
      expect((await auditOf(person)).filter((action) => action.startsWith("billing."))).toEqual([
        "billing.event_received",
        "billing.tier_changed",
      ]);
    }
  });

  it("that is older than what is known changes nothing", async () => {
    const person = await customer();
    await send(person, { name: "subscription_expired", status: "expired", at: 20 });
    await send(person, { name: "subscription_created", tier: "enterprise", at: 10 });
    expect(await tierOf(person)).toBe("free");
    expect(await outcomes(person)).toEqual(["applied", "stale"]);
  });
});

const names: Readonly<Record<string, string>> = {
  on_trial: "subscription_created",
  active: "subscription_updated",
  past_due: "subscription_updated",
  cancelled: "subscription_cancelled",
  paused: "subscription_paused",
  unpaid: "subscription_updated",
  expired: "subscription_expired",
};
const anyEvent = fc.record({
  tier: fc.constantFrom("starter", "pro", "enterprise"),
  status: fc.constantFrom("on_trial", "active", "past_due", "cancelled", "paused", "unpaid", "expired"),
  ended: fc.boolean(),
  second: fc.boolean(),
});

describe("events in any order, each any number of times", () => {
  it("lead to the plan of the order in which they happened", async () => {
    const history = fc.array(anyEvent, { minLength: 2, maxLength: 5 }).chain((events) => {
      const indices = events.map((_, index) => index);
      return fc.tuple(fc.constant(events), fc.shuffledSubarray([...indices, ...indices], { minLength: indices.length + 1 }));
    });
    await fc.assert(
      fc.asyncProperty(history, async ([events, order]) => {
        const complete = [...order, ...events.map((_, index) => index).filter((index) => !order.includes(index))];
        const ids = events.map(() => randomUUID());
        const ends: Customer[] = [];
        for (const sequence of [events.map((_, index) => index), complete]) {
          const person = await customer();
          ends.push(person);
          for (const index of sequence) {
            const event = events[index] as (typeof events)[number];
            const subscriptionId = person.subscriptionId + (event.second ? "2" : "1");
            const endsAt = event.status === "cancelled" ? (event.ended ? past : future) : null;
            const { status } = await sendEvent(plane, {
              userId: person.id,
              subscriptionId,
              webhookId: `${person.id}-${ids[index]}`,
              name: names[event.status] as string,
              tier: event.tier,
              status: event.status,
              endsAt,
              at: index,
            });
            expect(status).toBe(200);
          }
        }
        const [inOrder, shuffled] = await Promise.all(ends.map(tierOf));
        expect(shuffled).toBe(inOrder);
        expect(inOrder).toBe(modelled(events));
      }),
      { numRuns: 15, endOnFailure: true },
    );
  }, 120_000);
});

/** The plan by the rules alone. */
function modelled(events: readonly { tier: Tier; status: SubscriptionState["status"]; ended: boolean; second: boolean }[]): Tier {
  const known = new Map<boolean, SubscriptionState>();
  events.forEach(({ tier, status, ended, second }, index) => {
    const endsAt = status === "cancelled" ? new Date(ended ? past : future) : null;
    const state = at(new Date(), { tier, status, endsAt, updatedAt: new Date(index * 1000) });
    if (supersedes(state, known.get(second))) known.set(second, state);
  });
  return paidTier([...known.values()]);
}
