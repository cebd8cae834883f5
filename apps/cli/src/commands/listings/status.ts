import { fleetprompt } from "@whs/api";
import { randomUUID } from "node:crypto";
import { command, required } from "../../command.ts";
import { UsageError } from "../../errors.ts";
import { findOwnListing } from "../../marketplace/find-listing.ts";
import { openMarketplace } from "../../marketplace/marketplace-api.ts";

const CHOICES = fleetprompt.listingStatus.exclude(["suspended"]);

export const listingsStatus = command({
  path: ["listings", "status"],
  group: "Marketplace",
  summary: "Publish a listing, take it off the lists, or make it a draft again",
  args: { listing: required("Its name or id"), status: required(`One of ${CHOICES.options.join(", ")}`) },
  options: {},
  async run(context, { args }) {
    const status = CHOICES.safeParse(args.status);
    if (!status.success) throw new UsageError(`"${args.status}" is no status to choose: it must be one of ${CHOICES.options.join(", ")}.`);
    const marketplace = openMarketplace(context);
    const { listingId, name } = await findOwnListing(marketplace, args.listing);
    const answer = await marketplace.call(fleetprompt.changeListingStatus, {
      id: listingId,
      body: { status: status.data },
      idempotencyKey: randomUUID(),
    });
    context.output.answer(answer, () => `${name} is ${status.data} now.`);
  },
});
