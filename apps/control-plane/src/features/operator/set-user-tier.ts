import type { OperatorUser, Tier } from "@whs/api";
import type { SystemContext } from "../../context.ts";
import { findUser } from "./find-user.ts";
import { toOperatorUser } from "./present.ts";
import { setTier } from "./store.ts";

/** Puts an account on a plan, whatever it pays for; every node knows before this answers. */
export async function setUserTier(
  context: SystemContext,
  input: { emailOrExternalId: string; tier: Tier },
): Promise<{ user: OperatorUser }> {
  const user = await findUser(context, input.emailOrExternalId);
  const changed = await context.writeFor(user.id)(
    { action: "billing.tier_changed", target: user.id, metadata: { from: user.subscription_tier, to: input.tier } },
    (transaction) => setTier(transaction, user.id, input.tier),
  );
  await context.forgetUser(user.id);
  return { user: toOperatorUser(changed) };
}
