import { conflict, notFound } from "@whs/platform/errors";
import type { Context } from "../../context.ts";
import { hasPublishedRelease, lockListing, statusAfterSuspension, updateListing } from "../listings/index.ts";
import { settleReports } from "./store.ts";

/** Takes a listing away from everybody and settles what was reported of it. */
export async function suspendListing(context: Context, input: { id: string; reason: string }): Promise<{ ok: true }> {
  const { id, reason } = input;
  return context.write({ action: "moderation.suspended", target: id, metadata: { reason } }, async (transaction) => {
    const listing = await lockListing(transaction, id);
    if (listing === undefined) throw notFound("Listing");
    if (listing.status === "suspended") throw conflict("This listing is suspended already.");
    const now = context.now();
    await updateListing(transaction, id, {
      status: "suspended",
      status_before_suspension: listing.status,
      moderation_flagged: true,
      moderation_reason: reason,
      updated_at: now,
    });
    await settleReports(transaction, id, now);
    return { ok: true };
  });
}

/** Gives a suspended listing back what it was. */
export async function restoreListing(context: Context, input: { id: string; reason: string }): Promise<{ ok: true }> {
  const { id, reason } = input;
  return context.write({ action: "moderation.restored", target: id, metadata: { reason } }, async (transaction) => {
    const listing = await lockListing(transaction, id);
    if (listing === undefined) throw notFound("Listing");
    if (listing.status !== "suspended") throw conflict("This listing is not suspended.");
    const status = statusAfterSuspension(listing.status_before_suspension, await hasPublishedRelease(transaction, id));
    await updateListing(transaction, id, {
      status,
      status_before_suspension: null,
      moderation_flagged: false,
      moderation_reason: null,
      updated_at: context.now(),
    });
    return { ok: true };
  });
}
