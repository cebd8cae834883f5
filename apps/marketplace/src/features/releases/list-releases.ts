import type { fleetprompt, QueryOf } from "@whs/api";
import { toPage } from "@whs/platform/http";
import type { Context } from "../../context.ts";
import { ownedByPublisher } from "../access/index.ts";
import { findListing } from "../listings/index.ts";
import { toPublisherRelease } from "./present.ts";
import { listReleases as findReleases } from "./store.ts";

/** All of a listing's releases, revoked ones included. */
export async function listReleases(
  context: Context,
  input: { id: string } & QueryOf<typeof fleetprompt.listOwnReleases>,
): Promise<{ items: fleetprompt.PublisherRelease[]; nextCursor: string | null }> {
  const listing = ownedByPublisher(context.user, await findListing(context.db, input.id), "Listing");
  const list = `own-releases/${listing.id}`;
  const after = input.cursor === undefined ? undefined : context.cursors.decode(list, input.cursor);
  const rows = await findReleases(context.db, listing.id, { limit: input.limit, after, publishedOnly: false });
  return toPage(rows, input.limit, toPublisherRelease, (last) => context.cursors.encode(list, last.id));
}
