import { fleetprompt } from "@whs/api";
import { command, required } from "../../command.ts";
import { findOwnListing } from "../../marketplace/find-listing.ts";
import { openMarketplace } from "../../marketplace/marketplace-api.ts";
import { count } from "../../terminal/format.ts";
import { table } from "../../terminal/table.ts";

export const listingsStats = command({
  path: ["listings", "stats"],
  group: "Marketplace",
  summary: "Views, install intents and redemptions of a listing, by day",
  args: { listing: required("Its name or id") },
  options: {},
  async run(context, { args }) {
    const marketplace = openMarketplace(context);
    const { listingId } = await findOwnListing(marketplace, args.listing);
    const answer = await marketplace.call(fleetprompt.getListingStats, { id: listingId });
    context.output.answer(answer, () =>
      table(
        answer.days,
        [
          { heading: "DAY", cell: ({ date }) => date },
          { heading: "VIEWS", cell: ({ views }) => count(views), align: "right" },
          { heading: "INTENTS", cell: ({ installIntents }) => count(installIntents), align: "right" },
          { heading: "REDEMPTIONS", cell: ({ redemptions }) => count(redemptions), align: "right" },
        ],
        context.output.style,
      ),
    );
  },
});
