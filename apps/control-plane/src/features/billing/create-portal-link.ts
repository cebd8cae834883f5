import { conflict } from "@whs/platform/errors";
import type { Context } from "../../context.ts";
import type { Billing } from "./provider.ts";
import { findUser } from "./store.ts";

/** @returns where the user sees invoices, and cancels or resumes. */
export async function createPortalLink(context: Context, billing: Billing, input: { origin: string }): Promise<{ portalUrl: string }> {
  const user = await findUser(context.db, context.user.id);
  const portalUrl = await billing.provider.createPortalLink({
    userId: context.user.id,
    customerId: user?.customerId ?? null,
    origin: input.origin,
  });
  if (portalUrl === undefined) throw conflict("There is nothing to manage yet: no plan was bought. Start a checkout first.");
  return { portalUrl };
}
