import type { PaidTier } from "@whs/api";
import { conflict } from "@whs/platform/errors";
import type { Kysely } from "kysely";
import { createHash } from "node:crypto";
import type { Schema } from "../../../database.ts";
import { variantOf } from "../provider.ts";
import { runningStatuses } from "../state.ts";
import { listSubscriptions, type Subscription } from "../store.ts";
import type { ToldSubscription, WebhookSender } from "./webhook.ts";

/** What the page offers beside paying. */
export const managing = ["cancel", "resume", "fail", "expire"] as const;
export type Action = { kind: "pay"; tier: PaidTier } | { kind: (typeof managing)[number] };

/** A cancelled plan was paid for up to here. */
const paidForMs = 30 * 24 * 3_600_000;

export interface LocalProvider {
  db: Kysely<Schema>;
  now: () => Date;
  tierOfVariant: ReadonlyMap<string, PaidTier>;
  sender: WebhookSender;
}

/** A user's test-mode subscriptions, and the one that runs, if any. */
export async function findSubscriptions(
  provider: Pick<LocalProvider, "db">,
  userId: string,
): Promise<{ all: Subscription[]; running: Subscription | undefined }> {
  const all = (await listSubscriptions(provider.db, userId)).filter((subscription) => subscription.provider === "local");
  return { all, running: all.find(({ status }) => runningStatuses.includes(status)) };
}

/**
 * Does what a paying customer, or their bank, does at a real provider, and tells of it by webhook.
 * @param link whose token it was: paying twice by one link buys one subscription
 * @throws AppError `CONFLICT` when there is nothing to do it to
 */
export async function act(provider: LocalProvider, request: { userId: string; link: string; action: Action }): Promise<void> {
  const { userId, action } = request;
  const { all, running } = await findSubscriptions(provider, userId);
  const told = (change: Change): ToldSubscription => toldOf(provider, userId, all, change);
  if (action.kind === "pay") {
    const change = { tier: action.tier, status: "active", endsAt: null } as const;
    if (running !== undefined)
      await provider.sender.sendSubscription("subscription_updated", told({ ...change, providerId: running.providerId }));
    else await provider.sender.sendSubscription("subscription_created", told({ ...change, providerId: subscriptionIdOf(request.link) }));
    return;
  }
  if (running === undefined || running.tier === "free") throw conflict("No subscription runs.");
  const current = { providerId: running.providerId, tier: running.tier };
  switch (action.kind) {
    case "cancel": {
      const endsAt = new Date(provider.now().getTime() + paidForMs);
      return provider.sender.sendSubscription("subscription_cancelled", told({ ...current, status: "cancelled", endsAt }));
    }
    case "resume":
      if (running.status !== "cancelled") throw conflict("The subscription is not cancelled.");
      return provider.sender.sendSubscription("subscription_resumed", told({ ...current, status: "active", endsAt: null }));
    case "fail": {
      if (running.status === "cancelled") throw conflict("A cancelled subscription is not charged any more.");
      const pastDue = told({ ...current, status: "past_due", endsAt: null });
      await provider.sender.sendFailedPayment(pastDue);
      return provider.sender.sendSubscription("subscription_updated", pastDue);
    }
    case "expire":
      return provider.sender.sendSubscription("subscription_expired", told({ ...current, status: "expired", endsAt: provider.now() }));
  }
}

type Change = Pick<ToldSubscription, "providerId" | "tier" | "status" | "endsAt">;

function toldOf(provider: LocalProvider, userId: string, all: readonly Subscription[], change: Change): ToldSubscription {
  const variantId = variantOf(provider.tierOfVariant, change.tier);
  if (variantId === undefined) throw conflict(`The ${change.tier} plan is not sold here.`);
  // Each change is later than those before, however fast they follow.
  const updatedAt = new Date(Math.max(provider.now().getTime(), ...all.map((known) => known.updatedAt.getTime() + 1)));
  return { userId, variantId, updatedAt, ...change };
}

/** Ids of subscriptions are numbers at the real provider. */
function subscriptionIdOf(link: string): string {
  return String(createHash("sha256").update(link).digest().readUIntBE(0, 6));
}
