import { fleetprompt } from "@whs/api";
import type { Bind } from "@whs/platform/http";
import type { PublicContext } from "../../context.ts";
import { createFacetCache } from "./facet-cache.ts";
import { getListing } from "./get-listing.ts";
import { getPublisher } from "./get-publisher.ts";
import { getInstallPlan } from "./install-plan.ts";
import { getRelease, listReleases } from "./list-releases.ts";
import { searchListings } from "./search-listings.ts";

export function bindCatalog(bind: Bind<PublicContext>): void {
  const facets = createFacetCache();
  bind(fleetprompt.searchListings, (context, { query }) => searchListings(context, facets, query));
  bind(fleetprompt.getPublicListing, (context, { params }) => getListing(context, params));
  bind(fleetprompt.listPublicReleases, (context, { params, query }) => listReleases(context, { ...params, ...query }));
  bind(fleetprompt.getPublicRelease, (context, { params }) => getRelease(context, params));
  bind(fleetprompt.getPublicPublisher, (context, { params, query }) => getPublisher(context, { ...params, ...query }));
  bind(fleetprompt.getInstallPlan, (context, { params, query }) => getInstallPlan(context, { ...params, ...query }));
}
