import type { fleetprompt } from "@whs/api";
import type { Context } from "../../context.ts";
import { ownedByPublisher } from "../access/index.ts";
import { toPublisherListing } from "./present.ts";
import { findListing } from "./store.ts";

export async function getListing(context: Context, input: { id: string }): Promise<{ listing: fleetprompt.PublisherListing }> {
  const row = ownedByPublisher(context.user, await findListing(context.db, input.id), "Listing");
  return { listing: toPublisherListing(context.config, row) };
}
