import { fleetprompt } from "@whs/api";
import { command, pageOptions } from "../../command.ts";
import { colorListingStatus } from "../../marketplace/describe-listing.ts";
import { openMarketplace } from "../../marketplace/marketplace-api.ts";
import { pageQuery, printPage } from "../pages.ts";

export const listingsList = command({
  path: ["listings", "list"],
  group: "Marketplace",
  summary: "List your own listings, newest first",
  args: {},
  options: {
    status: { kind: "text", value: "status", summary: "Only those", choices: fleetprompt.listingStatus.options },
    ...pageOptions,
  },
  async run(context, { options }) {
    const { style } = context.output;
    const page = await openMarketplace(context).call(fleetprompt.listOwnListings, {
      ...pageQuery(options),
      ...(options.status === undefined ? {} : { status: options.status }),
    });
    printPage(
      context,
      page,
      [
        { heading: "NAME", cell: ({ name }) => style.bold(name) },
        { heading: "STATUS", cell: ({ status }) => colorListingStatus(status, style) },
        { heading: "KIND", cell: ({ assetKind }) => assetKind },
        { heading: "ID", cell: ({ listingId }) => style.dim(listingId) },
      ],
      { text: "You have no listings yet. Publish an agent:", next: "whs publish <agent>@1.0.0" },
    );
  },
});
