import type { OperatorUser } from "@whs/api";
import type { UserRow } from "./store.ts";

export function toOperatorUser(row: UserRow): OperatorUser {
  return {
    id: row.id,
    externalId: row.external_id,
    email: row.email,
    name: row.name,
    subscriptionTier: row.subscription_tier,
    disabledAt: row.disabled_at?.toISOString() ?? null,
    createdAt: row.created_at.toISOString(),
  };
}
