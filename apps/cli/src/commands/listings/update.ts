import { fleetprompt } from "@whs/api";
import { command, required } from "../../command.ts";
import { UsageError } from "../../errors.ts";
import { describeListing } from "../../marketplace/describe-listing.ts";
import { findOwnListing } from "../../marketplace/find-listing.ts";
import { openMarketplace } from "../../marketplace/marketplace-api.ts";
import { listingFields, listingOptions } from "./options.ts";

export const listingsUpdate = command({
  path: ["listings", "update"],
  group: "Marketplace",
  summary: "Change what a listing says",
  args: { listing: required("Its name or id") },
  options: { name: { kind: "text", value: "name", summary: "New name" }, ...listingOptions },
  async run(context, { args, options }) {
    const body = { ...(options.name === undefined ? {} : { name: options.name }), ...listingFields(options) };
    if (Object.keys(body).length === 0)
      throw new UsageError("Nothing to change: name at least one option.", { next: ["whs listings update --help"] });
    const marketplace = openMarketplace(context);
    const { listingId } = await findOwnListing(marketplace, args.listing);
    await marketplace.call(fleetprompt.updateListing, { id: listingId, body });
    const answer = await marketplace.call(fleetprompt.getOwnListing, { id: listingId });
    context.output.answer(answer, () => describeListing(answer.listing, context.output.style));
  },
});
