import type { AnswerOf, BodyOf, fleetprompt } from "@whs/api";
import { newId } from "@whs/platform/ids";
import type { Context } from "../../context.ts";
import { visibleToAll } from "../access/index.ts";
import { findListing } from "../listings/index.ts";
import { insertReport } from "./store.ts";

export async function reportListing(
  context: Context,
  input: BodyOf<typeof fleetprompt.reportListing>,
): Promise<AnswerOf<typeof fleetprompt.reportListing>> {
  const id = newId("rpt");
  return context.write({ action: "moderation.reported", target: input.listingId }, async (transaction) => {
    const listing = visibleToAll(await findListing(transaction, input.listingId), "Listing");
    const row = await insertReport(transaction, {
      id,
      listing_id: listing.id,
      reporter_user_id: context.user.id,
      reason: input.reason,
      created_at: context.now(),
    });
    return { report: { reportId: row.id, listingId: row.listing_id, createdAtMs: row.created_at.getTime() } };
  });
}
