import type { Tier } from "@whs/api";
import { insertAudit, type Transaction } from "@whs/platform/db";
import { auditTable, type SystemContext } from "../../context.ts";
import type { Schema } from "../../database.ts";
import { setTier } from "./store.ts";

/**
 * Puts a user on the plan that is paid for, when that has changed: what the operator set holds through renewals.
 * @returns whether the plan is another one now; the caller tells every node once this is committed.
 */
export async function followPaidTier(
  transaction: Transaction<Schema>,
  context: Pick<SystemContext, "traceId">,
  change: { userId: string; tier: Tier; paid: { before: Tier; after: Tier }; subscription: string },
): Promise<boolean> {
  const { userId, tier, paid, subscription } = change;
  if (paid.before === paid.after || paid.after === tier) return false;
  await setTier(transaction, userId, paid.after);
  await insertAudit(
    transaction,
    auditTable,
    { userId, actor: "billing", traceId: context.traceId },
    { action: "billing.tier_changed", target: userId, metadata: { from: tier, to: paid.after, subscription } },
  );
  return true;
}
