import type { AnswerOf, fleetprompt } from "@whs/api";
import type { Context } from "../../context.ts";
import { ownedByPublisher } from "../access/index.ts";
import { findListing } from "../listings/index.ts";
import { listDays } from "./store.ts";
import { dayOf } from "./views.ts";

const dayMs = 86_400_000;

/** Each of the last days, those without anything included. */
export async function getStats(
  context: Context,
  input: { id: string; days: number },
): Promise<AnswerOf<typeof fleetprompt.getListingStats>> {
  const listing = ownedByPublisher(context.user, await findListing(context.db, input.id), "Listing");
  await context.views.flush();
  const now = context.now().getTime();
  const dates = Array.from({ length: input.days }, (_, index) => dayOf(new Date(now - (input.days - 1 - index) * dayMs)));
  const rows = new Map((await listDays(context.db, listing.id, dates[0] ?? dayOf(context.now()))).map((row) => [row.day, row]));
  return {
    days: dates.map((date) => {
      const row = rows.get(date);
      return { date, views: row?.views ?? 0, installIntents: row?.install_intents ?? 0, redemptions: row?.redemptions ?? 0 };
    }),
  };
}
