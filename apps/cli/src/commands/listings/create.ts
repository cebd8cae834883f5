import { fleetprompt } from "@whs/api";
import { randomUUID } from "node:crypto";
import { command, required } from "../../command.ts";
import { describeListing } from "../../marketplace/describe-listing.ts";
import { openMarketplace } from "../../marketplace/marketplace-api.ts";
import { listingFields, listingOptions } from "./options.ts";

export const listingsCreate = command({
  path: ["listings", "create"],
  group: "Marketplace",
  summary: "Create a listing as a draft",
  args: { name: required("Its name, up to 80 characters") },
  options: {
    kind: { kind: "text", value: "kind", summary: "Default: whs_agent", choices: fleetprompt.assetKind.options },
    ...listingOptions,
  },
  async run(context, { args, options }) {
    const marketplace = openMarketplace(context);
    const body = { assetKind: options.kind ?? "whs_agent", name: args.name, ...listingFields(options) };
    const answer = await marketplace.call(fleetprompt.createListing, { body, idempotencyKey: randomUUID() });
    context.output.answer(answer, () => describeListing(answer.listing, context.output.style));
    context.output.next(`whs publish <agent>@1.0.0 --listing ${answer.listing.listingId}`);
  },
});
