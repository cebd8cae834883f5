import type { SystemContext } from "../../context.ts";
import { followPaidTier } from "./follow-paid-tier.ts";
import { at, paidTier, runningStatuses } from "./state.ts";
import { expireSubscription, findUsersWithEnded, listSubscriptions, lockUser, type Subscription } from "./store.ts";

type Clockwork = Pick<SystemContext, "db" | "now" | "traceId" | "writeFor" | "forgetUser">;

/** Users of one run; the next one, a minute later, goes on. */
const usersPerRun = 500;

/**
 * Ends cancelled subscriptions whose time is over and takes their plan away.
 * @param testModeIsOver ends those of the test mode too: nobody paid for them.
 */
export async function endSubscriptions(context: Clockwork, testModeIsOver: boolean): Promise<void> {
  const userIds = await findUsersWithEnded(context.db, { now: context.now(), testModeIsOver, limit: usersPerRun });
  for (const userId of userIds) {
    if (await endSubscriptionsOf(context, userId, testModeIsOver)) await context.forgetUser(userId);
  }
}

/** @returns whether the user's plan has changed */
function endSubscriptionsOf(context: Clockwork, userId: string, testModeIsOver: boolean): Promise<boolean> {
  return context.writeFor(userId)({ action: "billing.subscription_ended", target: userId }, async (transaction) => {
    const { tier } = await lockUser(transaction, userId);
    const before = await listSubscriptions(transaction, userId);
    // Looked at again under the lock: it may have been resumed since it was found.
    const hasEnded = (subscription: Subscription): boolean =>
      runningStatuses.includes(subscription.status) &&
      (at(context.now(), subscription).status === "expired" || (testModeIsOver && subscription.provider === "local"));
    const ended = before.filter(hasEnded);
    for (const { id } of ended) await expireSubscription(transaction, id, context.now());
    const paid = { before: paidTier(before), after: paidTier(before.filter((subscription) => !hasEnded(subscription))) };
    return followPaidTier(transaction, context, {
      userId,
      tier,
      paid,
      subscription: ended
        .map(({ providerId }) => providerId)
        .join(",")
        .slice(0, 255),
    });
  });
}
