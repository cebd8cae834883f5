import { type AnswerOf, type listPlans as endpoint, tierSchema } from "@whs/api";
import type { Context } from "../../context.ts";
import type { Billing } from "./provider.ts";
import { at, runningStatuses } from "./state.ts";
import { listSubscriptions } from "./store.ts";

export async function listPlans(context: Context, { provider, tierOfVariant }: Billing): Promise<AnswerOf<typeof endpoint>> {
  const sold = new Set<string>(tierOfVariant.values());
  const now = context.now();
  const subscriptions = (await listSubscriptions(context.db, context.user.id)).map(({ provider: soldBy, ...state }) => ({
    soldBy,
    ...at(now, state),
  }));
  const running = subscriptions.find(({ soldBy, status }) => soldBy === provider.name && runningStatuses.includes(status));
  return {
    plans: tierSchema.options.map((tier) => ({ tier, entitlements: context.tiers[tier], isSold: sold.has(tier) })),
    subscription:
      running === undefined ? null : { tier: running.tier, status: running.status, endsAt: running.endsAt?.toISOString() ?? null },
    isTestMode: provider.name === "local",
  };
}
