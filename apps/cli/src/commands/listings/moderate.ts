import { fleetprompt } from "@whs/api";
import { randomUUID } from "node:crypto";
import { command, required } from "../../command.ts";
import { UsageError } from "../../errors.ts";
import { openMarketplace } from "../../marketplace/marketplace-api.ts";

export const listingsSuspend = decision({
  verb: "suspend",
  summary: "Take a listing away from everybody, as a moderator; its open reports are settled",
  endpoint: fleetprompt.suspendListing,
  done: "suspended",
});

export const listingsRestore = decision({
  verb: "restore",
  summary: "Give a suspended listing the status back that it had, as a moderator",
  endpoint: fleetprompt.restoreListing,
  done: "restored",
});

function decision(kind: {
  verb: string;
  summary: string;
  endpoint: typeof fleetprompt.suspendListing | typeof fleetprompt.restoreListing;
  done: string;
}) {
  return command({
    path: ["listings", kind.verb],
    group: "Marketplace",
    summary: kind.summary,
    args: { listing: required("The listing's id, as whs reports list shows it") },
    options: { reason: { kind: "text", value: "text", summary: "Why; kept in the audit log" } },
    async run(context, { args, options }) {
      if (options.reason === undefined) throw new UsageError("Say why with --reason.");
      const input = { id: args.listing, body: { reason: options.reason }, idempotencyKey: randomUUID() };
      const answer = await openMarketplace(context).call(kind.endpoint, input);
      context.output.answer(answer, () => `${args.listing} is ${kind.done}.`);
    },
  });
}
