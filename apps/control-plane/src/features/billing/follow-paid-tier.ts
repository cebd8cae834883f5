import type { Tier } from "@whs/api";
import { insertAudit, type Transaction } from "@whs/platform/db";
import { auditTable, type SystemContext } from "../../context.ts";
import type { Schema } from "../../database.ts";
import { isHigher } from "./state.ts";
import { setTier } from "./store.ts";

/**
 * Puts a user on the plan that is paid for. A higher one that the operator gave holds until what is paid for changes: a
 * renewal does not take it away.
 * @returns whether the plan is another one now; the caller tells every node once this is committed.
 */
export async function followPaidTier(
  transaction: Transaction<Schema>,
  context: Pick<SystemContext, "traceId">,
  change: { userId: string; tier: Tier; paid: { before: Tier; after: Tier }; subscription: string },
): Promise<boolean> {
  const { userId, tier, paid, subscription } = change;
  const givenByOperator = paid.before === paid.after && isHigher(tier, paid.after);
  if (paid.after === tier || givenByOperator) return false;
  await setTier(transaction, userId, paid.after);
  await insertAudit(
    transaction,
    auditTable,
    { userId, actor: "billing", traceId: context.traceId },
    { action: "billing.tier_changed", target: userId, metadata: { from: tier, to: paid.after, subscription } },
  );
  return true;
}
