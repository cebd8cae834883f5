import { command, required } from "../../command.ts";
import { describeListing } from "../../marketplace/describe-listing.ts";
import { findPublishedListing, lookUpPossiblyOwnListing } from "../../marketplace/find-listing.ts";
import { openMarketplace } from "../../marketplace/marketplace-api.ts";

export const listingsGet = command({
  path: ["listings", "get"],
  group: "Marketplace",
  summary: "Show a listing: one of your own, or a published one",
  args: { listing: required("Its name or id") },
  options: {},
  async run(context, { args }) {
    const marketplace = openMarketplace(context);
    const listing = (await lookUpPossiblyOwnListing(marketplace, args.listing)) ?? (await findPublishedListing(marketplace, args.listing));
    context.output.answer({ listing }, () => describeListing(listing, context.output.style));
  },
});
