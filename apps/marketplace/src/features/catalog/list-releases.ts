import type { AnswerOf, fleetprompt, QueryOf } from "@whs/api";
import { toPage } from "@whs/platform/http";
import type { PublicContext } from "../../context.ts";
import { visibleToAll } from "../access/index.ts";
import { findListing } from "../listings/index.ts";
import { findRelease, listReleases as findReleases } from "../releases/index.ts";
import { releasesOf } from "./get-listing.ts";
import { toPublicRelease, toSummary } from "./present.ts";

export async function listReleases(
  context: PublicContext,
  input: { listingId: string } & QueryOf<typeof fleetprompt.listPublicReleases>,
): Promise<AnswerOf<typeof fleetprompt.listPublicReleases>> {
  const listing = visibleToAll(await findListing(context.db, input.listingId), "Listing");
  const list = releasesOf(listing.id);
  const after = input.cursor === undefined ? undefined : context.cursors.decode(list, input.cursor);
  const rows = await findReleases(context.db, listing.id, { limit: input.limit, after, publishedOnly: true });
  return toPage(rows, input.limit, toSummary, (last) => context.cursors.encode(list, last.id));
}

export async function getRelease(
  context: PublicContext,
  input: { releaseId: string },
): Promise<AnswerOf<typeof fleetprompt.getPublicRelease>> {
  const release = visibleToAll(await findRelease(context.db, input.releaseId), "Release");
  visibleToAll(await findListing(context.db, release.listing_id), "Release");
  return { release: toPublicRelease(release) };
}
