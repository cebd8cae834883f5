import { fleetprompt } from "@whs/api";
import { randomUUID } from "node:crypto";
import { command, flag, required } from "../../command.ts";
import { UsageError } from "../../errors.ts";
import { openMarketplace } from "../../marketplace/marketplace-api.ts";
import { confirm } from "../../terminal/prompt.ts";

export const listingsRevoke = command({
  path: ["listings", "revoke"],
  group: "Marketplace",
  summary: "Withdraw a release for good: nobody sees or installs it any more",
  args: { release: required("The release's id") },
  options: { reason: { kind: "text", value: "text", summary: "Why; kept with the release" }, yes: { ...flag("Do not ask"), short: "y" } },
  async run(context, { args, options }) {
    if (options.reason === undefined) throw new UsageError("Say why with --reason.");
    await confirm(context, { question: `Revoke ${args.release} for good?`, yes: options.yes });
    const answer = await openMarketplace(context).call(fleetprompt.revokeRelease, {
      releaseId: args.release,
      body: { reason: options.reason },
      idempotencyKey: randomUUID(),
    });
    context.output.answer(answer, () => `${args.release} is revoked.`);
  },
});
