import type { SubscriptionStatus, Tier } from "@whs/api";

/** What is known of one subscription. */
export interface SubscriptionState {
  tier: Tier;
  status: SubscriptionStatus;
  /** When a cancelled subscription ends. */
  endsAt: Date | null;
  /** When the provider last changed it, by the provider's clock. */
  updatedAt: Date;
}

/** From the one that gives most to the one that gives nothing. */
const statusRanks: Readonly<Record<SubscriptionStatus, number>> = {
  on_trial: 0,
  active: 1,
  past_due: 2,
  cancelled: 3,
  paused: 4,
  unpaid: 5,
  expired: 6,
};
const tierRanks: Readonly<Record<Tier, number>> = { free: 0, starter: 1, pro: 2, enterprise: 3 };

/** Statuses that keep the plan: a cancelled one is paid for until it ends, a late payment may still come. */
export const runningStatuses: readonly SubscriptionStatus[] = ["on_trial", "active", "past_due", "cancelled"];

/** Whichever of two statuses gives less. */
export function lesserStatus(a: SubscriptionStatus, b: SubscriptionStatus): SubscriptionStatus {
  return statusRanks[a] >= statusRanks[b] ? a : b;
}

/** A cancelled subscription whose end has come has expired. */
export function at(now: Date, state: SubscriptionState): SubscriptionState {
  const ended = state.status === "cancelled" && state.endsAt !== null && state.endsAt <= now;
  return ended ? { ...state, status: "expired" } : state;
}

/**
 * Whether what is said replaces what is known. The later change wins, whichever arrives first. Of two changes in the
 * provider's same instant the one that gives less wins, so that the order of arrival decides nothing at all.
 */
export function supersedes(said: SubscriptionState, known: SubscriptionState | undefined): boolean {
  if (known === undefined) return true;
  const end = (state: SubscriptionState): number => state.endsAt?.getTime() ?? Number.POSITIVE_INFINITY;
  const differences = [
    said.updatedAt.getTime() - known.updatedAt.getTime(),
    statusRanks[said.status] - statusRanks[known.status],
    tierRanks[known.tier] - tierRanks[said.tier],
    said.endsAt?.getTime() === known.endsAt?.getTime() ? 0 : end(known) - end(said),
  ];
  return (differences.find((difference) => difference !== 0) ?? 0) > 0;
}

export function isHigher(tier: Tier, than: Tier): boolean {
  return tierRanks[tier] > tierRanks[than];
}

/** The highest plan that any of a user's subscriptions pays for. */
export function paidTier(subscriptions: readonly Pick<SubscriptionState, "tier" | "status">[]): Tier {
  const paid = subscriptions.filter(({ status }) => runningStatuses.includes(status)).map(({ tier }) => tier);
  return paid.toSorted((a, b) => tierRanks[b] - tierRanks[a])[0] ?? "free";
}
