import type { AnswerOf, fleetprompt } from "@whs/api";
import { notFound } from "@whs/platform/errors";
import { toPage } from "@whs/platform/http";
import type { PublicContext } from "../../context.ts";
import { listByVersion, listReleases } from "../releases/index.ts";
import { toPublicListing, toRendered, toSummary } from "./present.ts";
import { findPublished } from "./store.ts";

/** As many releases come with the listing; the others by their own list. */
const shownReleases = 20;

export async function getListing(
  context: PublicContext,
  input: { listingId: string },
): Promise<AnswerOf<typeof fleetprompt.getPublicListing>> {
  const row = await findPublished(context.db, input.listingId);
  if (row === undefined) throw notFound("Listing");
  const [[latest], releases] = await Promise.all([
    listByVersion(context.db, row.id, 1),
    listReleases(context.db, row.id, { limit: shownReleases, after: undefined, publishedOnly: true }),
  ]);
  context.views.add(row.id);
  return {
    listingDetail: {
      listing: toPublicListing(context.config, row),
      description: toRendered(row.description_markdown),
      latestRelease:
        latest === undefined ? null : { releaseId: latest.id, version: latest.version, publishedAtMs: latest.published_at.getTime() },
      releases: toPage(releases, shownReleases, toSummary, (last) => context.cursors.encode(releasesOf(row.id), last.id)),
    },
  };
}

/** The list that a cursor of a listing's releases belongs to. */
export function releasesOf(listingId: string): string {
  return `releases/${listingId}`;
}
