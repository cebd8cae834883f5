import type { Entitlements, User } from "@whs/api";
import type { Context } from "../../context.ts";
import { toUser } from "./present.ts";
import { findUser } from "./store.ts";

export async function getMe(context: Context): Promise<{ user: User; entitlements: Entitlements }> {
  const row = await findUser(context.db, context.user.id);
  return { user: toUser(row), entitlements: context.tiers[row.subscription_tier] };
}
