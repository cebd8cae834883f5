import type { fleetprompt } from "@whs/api";
import type { Context } from "../../context.ts";
import { ownedByPublisher } from "../access/index.ts";
import { toColumns } from "./changes.ts";
import { lockListing, updateListing as writeListing } from "./store.ts";

/** Changes what a listing says; never its status, kind or owner. */
export async function updateListing(context: Context, input: { id: string; changes: fleetprompt.ListingChanges }): Promise<{ ok: true }> {
  const { id, changes } = input;
  return context.write({ action: "listing.updated", target: id, metadata: { fields: Object.keys(changes) } }, async (transaction) => {
    ownedByPublisher(context.user, await lockListing(transaction, id), "Listing");
    const columns = await toColumns(context, transaction, changes);
    await writeListing(transaction, id, { ...columns, updated_at: context.now() });
    return { ok: true };
  });
}
