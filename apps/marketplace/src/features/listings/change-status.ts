import type { fleetprompt } from "@whs/api";
import { conflict } from "@whs/platform/errors";
import type { Context } from "../../context.ts";
import { ownedByPublisher, refuseSuspension } from "../access/index.ts";
import { publisherMay } from "./state.ts";
import { hasPublishedRelease, lockListing, updateListing } from "./store.ts";

export async function changeStatus(context: Context, input: { id: string; status: fleetprompt.ListingStatus }): Promise<{ ok: true }> {
  const { id, status } = input;
  return context.write({ action: "listing.status_changed", target: id, metadata: { to: status } }, async (transaction) => {
    const listing = ownedByPublisher(context.user, await lockListing(transaction, id), "Listing");
    if (!publisherMay(listing.status, status)) refuseSuspension(listing.status, status);
    if (status === "published" && !(await hasPublishedRelease(transaction, id)))
      throw conflict("A listing is published with at least one release; publish a release first.");
    if (listing.status !== status) await updateListing(transaction, id, { status, updated_at: context.now() });
    return { ok: true };
  });
}
