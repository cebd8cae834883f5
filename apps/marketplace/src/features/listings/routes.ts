import { fleetprompt } from "@whs/api";
import type { Bind } from "@whs/platform/http";
import type { Context } from "../../context.ts";
import { changeStatus } from "./change-status.ts";
import { createListing } from "./create-listing.ts";
import { getListing } from "./get-listing.ts";
import { listListings } from "./list-listings.ts";
import { previewMarkdown } from "./preview-markdown.ts";
import { updateListing } from "./update-listing.ts";

export function bindListings(bind: Bind<Context>): void {
  bind(fleetprompt.createListing, (context, { body }) => createListing(context, body));
  bind(fleetprompt.listOwnListings, (context, { query }) => listListings(context, query));
  bind(fleetprompt.getOwnListing, (context, { params }) => getListing(context, params));
  bind(fleetprompt.updateListing, (context, { params, body }) => updateListing(context, { id: params.id, changes: body }));
  bind(fleetprompt.changeListingStatus, (context, { params, body }) => changeStatus(context, { ...params, ...body }));
  bind(fleetprompt.previewMarkdown, async (_context, { body }) => previewMarkdown(body));
}
