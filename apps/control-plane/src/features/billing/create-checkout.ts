import type { PaidTier } from "@whs/api";
import { conflict, invalidRequest, notFound } from "@whs/platform/errors";
import type { Context } from "../../context.ts";
import { type Billing, variantOf } from "./provider.ts";
import { runningStatuses } from "./state.ts";
import { findUser, listSubscriptions } from "./store.ts";

/** @returns where to pay for the plan; nothing changes until the provider says that it was paid. */
export async function createCheckout(
  context: Context,
  billing: Billing,
  input: { tier: PaidTier; origin: string },
): Promise<{ checkoutUrl: string }> {
  const { tier, origin } = input;
  if (variantOf(billing.tierOfVariant, tier) === undefined) throw invalidRequest([{ fieldName: "tier", message: "is not sold here" }]);
  const user = await findUser(context.db, context.user.id);
  if (user === undefined) throw notFound("User");
  if (user.tier === tier) throw conflict(`You are on the ${tier} plan already.`);
  const running = (await listSubscriptions(context.db, user.id)).find(
    (subscription) => subscription.provider === billing.provider.name && runningStatuses.includes(subscription.status),
  );
  const checkoutUrl = await billing.provider.createCheckout({
    user: { id: user.id, email: context.user.email, name: context.user.name },
    tier,
    runningSubscriptionId: running?.providerId,
    origin,
  });
  return context.write({ action: "billing.checkout_started", target: user.id, metadata: { tier } }, async () => ({ checkoutUrl }));
}
