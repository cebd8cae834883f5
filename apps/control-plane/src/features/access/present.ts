import type { ApiToken, User } from "@whs/api";
import type { TokenRow, UserRow } from "./store.ts";

export function toUser(row: UserRow): User {
  return {
    id: row.id,
    email: row.email,
    name: row.name,
    subscriptionTier: row.subscription_tier,
    defaultRuntimeProvider: row.default_runtime_provider,
    createdAt: row.created_at.toISOString(),
  };
}

export function toApiToken(row: TokenRow): ApiToken {
  return {
    id: row.id,
    name: row.name,
    scopes: row.scopes,
    expiresAt: row.expires_at?.toISOString() ?? null,
    createdAt: row.created_at.toISOString(),
    lastUsedAt: row.last_used_at?.toISOString() ?? null,
  };
}
