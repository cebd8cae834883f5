import { command, required } from "../../command.ts";
import { describeListing } from "../../marketplace/describe-listing.ts";
import { findOwnListing } from "../../marketplace/find-listing.ts";
import { openMarketplace } from "../../marketplace/marketplace-api.ts";

export const listingsGet = command({
  path: ["listings", "get"],
  group: "Marketplace",
  summary: "Show one of your listings",
  args: { listing: required("Its name or id") },
  options: {},
  async run(context, { args }) {
    const listing = await findOwnListing(openMarketplace(context), args.listing);
    context.output.answer({ listing }, () => describeListing(listing, context.output.style));
  },
});
