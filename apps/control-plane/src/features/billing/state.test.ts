import fc from "fast-check";
import { expect, test } from "vitest";
import { at, paidTier, type SubscriptionState, supersedes } from "./state.ts";

const noon = Date.parse("2026-03-01T12:00:00Z");
const state: fc.Arbitrary<SubscriptionState> = fc.record({
  tier: fc.constantFrom("free", "starter", "pro", "enterprise"),
  status: fc.constantFrom("on_trial", "active", "past_due", "cancelled", "paused", "unpaid", "expired"),
  endsAt: fc.option(fc.constantFrom(new Date(noon - 1000), new Date(noon + 1000))),
  // Few instants, so that many changes fall into the same one.
  updatedAt: fc.integer({ min: 0, max: 3 }).map((seconds) => new Date(noon + seconds * 1000)),
});

function last(said: readonly SubscriptionState[]): SubscriptionState | undefined {
  return said.reduce<SubscriptionState | undefined>((known, next) => (supersedes(next, known) ? next : known), undefined);
}

test("what holds does not depend on the order or repetition of what is said, even of one instant", () => {
  const shuffled = fc
    .array(state, { minLength: 1, maxLength: 8 })
    .chain((said) => fc.tuple(fc.constant(said), fc.shuffledSubarray([...said, ...said], { minLength: said.length * 2 })));
  fc.assert(
    fc.property(shuffled, ([said, again]) => {
      expect(last(again)).toEqual(last(said));
    }),
  );
});

test("the later change holds", () => {
  fc.assert(
    fc.property(fc.array(state, { minLength: 1, maxLength: 8 }), (said) => {
      const latest = Math.max(...said.map(({ updatedAt }) => updatedAt.getTime()));
      expect(last(said)?.updatedAt.getTime()).toBe(latest);
    }),
  );
});

test("of one instant, what gives less holds", () => {
  const active: SubscriptionState = { tier: "pro", status: "active", endsAt: null, updatedAt: new Date(noon) };
  expect(last([{ ...active, status: "expired" }, active])?.status).toBe("expired");
  expect(last([{ ...active, tier: "enterprise" }, active, { ...active, tier: "starter" }])?.tier).toBe("starter");
});

test.each([
  ["on_trial", "pro"],
  ["active", "pro"],
  ["past_due", "pro"],
  ["cancelled", "pro"],
  ["paused", "free"],
  ["unpaid", "free"],
  ["expired", "free"],
] as const)("a subscription that is %s pays for %s", (status, tier) => {
  expect(paidTier([{ tier: "pro", status }])).toBe(tier);
});

test("the highest of several running subscriptions counts", () => {
  const of = (tier: "starter" | "pro" | "enterprise", status: "active" | "expired") => ({ tier, status });
  expect(paidTier([of("starter", "active"), of("pro", "active"), of("enterprise", "expired")])).toBe("pro");
  expect(paidTier([])).toBe("free");
});

test("a cancelled subscription has expired at its end, to the millisecond", () => {
  const cancelled: SubscriptionState = { tier: "pro", status: "cancelled", endsAt: new Date(noon), updatedAt: new Date(0) };
  expect(at(new Date(noon - 1), cancelled).status).toBe("cancelled");
  expect(at(new Date(noon), cancelled).status).toBe("expired");
  expect(at(new Date(noon), { ...cancelled, status: "active" }).status).toBe("active");
  expect(at(new Date(noon), { ...cancelled, endsAt: null }).status).toBe("cancelled");
});
