import type { fleetprompt, QueryOf } from "@whs/api";
import { toPage } from "@whs/platform/http";
import type { Context } from "../../context.ts";
import { toPublisherListing } from "./present.ts";
import { listListings as findListings } from "./store.ts";

export async function listListings(
  context: Context,
  input: QueryOf<typeof fleetprompt.listOwnListings>,
): Promise<{ items: fleetprompt.PublisherListing[]; nextCursor: string | null }> {
  const list = `own-listings/${input.status ?? ""}`;
  const after = input.cursor === undefined ? undefined : context.cursors.decode(list, input.cursor);
  const rows = await findListings(context.db, context.user.id, { limit: input.limit, after, status: input.status });
  return toPage(
    rows,
    input.limit,
    (row) => toPublisherListing(context.config, row),
    (last) => context.cursors.encode(list, last.id),
  );
}
