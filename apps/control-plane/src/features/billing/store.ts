import type { SubscriptionStatus, Tier } from "@whs/api";
import { newId } from "@whs/platform/ids";
import type { Kysely, Transaction } from "kysely";
import type { Row, Schema } from "../../database.ts";
import type { BillingProvider } from "./provider.ts";
import { runningStatuses, type SubscriptionState } from "./state.ts";

export type ProviderName = BillingProvider["name"];

export interface Subscription extends SubscriptionState {
  id: string;
  userId: string;
  provider: ProviderName;
  providerId: string;
}

export interface BilledUser {
  id: string;
  tier: Tier;
  customerId: string | null;
  isDisabled: boolean;
}

export async function findUser(db: Kysely<Schema>, userId: string): Promise<BilledUser | undefined> {
  const row = await db
    .selectFrom("whs.users")
    .select(["id", "subscription_tier", "billing_customer_id", "disabled_at"])
    .where("id", "=", userId)
    .executeTakeFirst();
  if (row === undefined) return undefined;
  return { id: row.id, tier: row.subscription_tier, customerId: row.billing_customer_id, isDisabled: row.disabled_at !== null };
}

/** What is said of one user's subscriptions is applied one after the other. */
export async function lockUser(transaction: Transaction<Schema>, userId: string): Promise<{ tier: Tier }> {
  const row = await transaction
    .selectFrom("whs.users")
    .select("subscription_tier")
    .where("id", "=", userId)
    .forUpdate()
    .executeTakeFirstOrThrow();
  return { tier: row.subscription_tier };
}

export async function findSubscriptionOwner(db: Kysely<Schema>, provider: ProviderName, providerId: string): Promise<string | undefined> {
  const row = await db
    .selectFrom("whs.subscriptions")
    .select("user_id")
    .where("provider", "=", provider)
    .where("provider_subscription_id", "=", providerId)
    .executeTakeFirst();
  return row?.user_id;
}

export async function listSubscriptions(db: Kysely<Schema>, userId: string): Promise<Subscription[]> {
  const rows = await db.selectFrom("whs.subscriptions").selectAll().where("user_id", "=", userId).orderBy("id", "desc").execute();
  return rows.map(toSubscription);
}

/** Sets what is known of a subscription. */
export async function putSubscription(
  transaction: Transaction<Schema>,
  subscription: { userId: string; provider: ProviderName; providerId: string; state: SubscriptionState; now: Date },
): Promise<void> {
  const { state } = subscription;
  const changing = {
    tier: state.tier,
    status: state.status,
    ends_at: state.endsAt,
    provider_updated_at: state.updatedAt,
    updated_at: subscription.now,
  };
  await transaction
    .insertInto("whs.subscriptions")
    .values({
      id: newId("sub"),
      user_id: subscription.userId,
      provider: subscription.provider,
      provider_subscription_id: subscription.providerId,
      ...changing,
    })
    .onConflict((conflict) => conflict.columns(["provider", "provider_subscription_id"]).doUpdateSet(changing))
    .execute();
}

export async function insertEvent(
  transaction: Transaction<Schema>,
  event: { provider: ProviderName; id: string; name: string; userId: string | null; outcome: Row<"whs.billing_events">["outcome"] },
): Promise<void> {
  await transaction
    .insertInto("whs.billing_events")
    .values({ provider: event.provider, event_id: event.id, event_name: event.name, user_id: event.userId, outcome: event.outcome })
    .execute();
}

/** Breaks when an event comes again. */
export const eventsKey = "billing_events_pkey";

export async function setTier(transaction: Transaction<Schema>, userId: string, tier: Tier): Promise<void> {
  await transaction.updateTable("whs.users").set({ subscription_tier: tier }).where("id", "=", userId).execute();
}

export async function setCustomer(transaction: Transaction<Schema>, userId: string, customerId: string): Promise<void> {
  await transaction.updateTable("whs.users").set({ billing_customer_id: customerId }).where("id", "=", userId).execute();
}

/** Whose cancelled subscriptions have come to their end; with `testModeIsOver`, also who has one of the test mode. */
export async function findUsersWithEnded(
  db: Kysely<Schema>,
  options: { now: Date; testModeIsOver: boolean; limit: number },
): Promise<string[]> {
  const rows = await db
    .selectFrom("whs.subscriptions")
    .select("user_id")
    .distinct()
    .where((eb) => {
      const cancelled = eb.and([eb("ends_at", "<=", options.now), eb("status", "=", "cancelled")]);
      if (!options.testModeIsOver) return cancelled;
      return eb.or([cancelled, eb.and([eb("provider", "=", "local"), eb("status", "in", runningStatuses)])]);
    })
    .limit(options.limit)
    .execute();
  return rows.map((row) => row.user_id);
}

export async function expireSubscription(transaction: Transaction<Schema>, id: string, now: Date): Promise<void> {
  await transaction.updateTable("whs.subscriptions").set({ status: "expired", updated_at: now }).where("id", "=", id).execute();
}

function toSubscription(row: Row<"whs.subscriptions">): Subscription {
  return {
    id: row.id,
    userId: row.user_id,
    provider: row.provider,
    providerId: row.provider_subscription_id,
    tier: row.tier,
    // Only statuses that `parseEvent` knows are stored.
    status: row.status as SubscriptionStatus,
    endsAt: row.ends_at,
    updatedAt: row.provider_updated_at,
  };
}
