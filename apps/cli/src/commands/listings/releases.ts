import { fleetprompt } from "@whs/api";
import { command, pageOptions, required } from "../../command.ts";
import { lookUpPossiblyOwnListing, findPublishedListing } from "../../marketplace/find-listing.ts";
import { openMarketplace } from "../../marketplace/marketplace-api.ts";
import { time } from "../../terminal/format.ts";
import { pageQuery, printPage } from "../pages.ts";

export const listingsReleases = command({
  path: ["listings", "releases"],
  group: "Marketplace",
  summary: "List a listing's releases, newest first; revoked ones too where it is your own",
  args: { listing: required("Its name or id") },
  options: { published: { kind: "flag", summary: "What the public sees, of your own listing too" }, ...pageOptions },
  async run(context, { args, options }) {
    const { style } = context.output;
    const marketplace = openMarketplace(context);
    const own = options.published ? undefined : await lookUpPossiblyOwnListing(marketplace, args.listing);
    const page =
      own === undefined
        ? await marketplace.call(fleetprompt.listPublicReleases, {
            listingId: (await findPublishedListing(marketplace, args.listing)).listingId,
            ...pageQuery(options),
          })
        : await marketplace.call(fleetprompt.listOwnReleases, { id: own.listingId, ...pageQuery(options) });
    printPage<(typeof page.items)[number]>(
      context,
      page,
      [
        { heading: "VERSION", cell: ({ version }) => style.bold(version) },
        { heading: "STATUS", cell: ({ status }) => (status === "revoked" ? style.red(status) : status) },
        { heading: "PUBLISHED", cell: ({ publishedAtMs }) => time(new Date(publishedAtMs).toISOString()) },
        { heading: "ID", cell: ({ releaseId }) => style.dim(releaseId) },
      ],
      { text: "It has no releases." },
    );
  },
});
