import type { PaidTier } from "@whs/api";
import type { Dependencies } from "../../../context.ts";
import { type Billing, returnUrlOf } from "../provider.ts";
import { type BilledUser, findUser } from "../store.ts";
import { findSubscriptions } from "./act.ts";
import type { PageState } from "./page.ts";

export type { BilledUser };

/** The user of a link, unless the account is disabled. */
export async function findPayer(dependencies: Pick<Dependencies, "db">, userId: string): Promise<BilledUser | undefined> {
  const user = await findUser(dependencies.db, userId);
  return user?.isDisabled === false ? user : undefined;
}

/** What the page shows. */
export async function readPageState(
  { dependencies, billing }: { dependencies: Dependencies; billing: Billing },
  { user, tier }: { user: BilledUser; tier: PaidTier | null },
): Promise<PageState> {
  const { running } = await findSubscriptions(dependencies, user.id);
  return {
    tier: user.tier,
    running,
    chosen: tier,
    offered: [...billing.tierOfVariant.values()],
    tiers: dependencies.tiers,
    returnUrl: returnUrlOf(dependencies.config.webUrl),
  };
}
