import { createCheckout, createPortalLink, getMe, paidTierSchema } from "@whs/api";
import { randomUUID } from "node:crypto";
import { command, flag, optional } from "../../command.ts";
import { UsageError } from "../../errors.ts";
import { count } from "../../terminal/format.ts";
import { pairs } from "../../terminal/table.ts";

export const plan = command({
  path: ["plan"],
  group: "Account",
  summary: "Show the plan, or where to pay for another one",
  args: { tier: optional(`The plan to buy: ${paidTierSchema.options.join(", ")}`) },
  options: { manage: flag("Where to see invoices, and cancel or resume") },
  examples: [
    ["whs plan pro", "Prints the address where to pay; the plan changes when that is done"],
    ["whs plan --manage", "Prints the address where to cancel or resume"],
  ],
  async run({ api, output }, { args, options }) {
    if (options.manage && args.tier !== undefined) throw new UsageError("Say a plan or --manage, not both.");
    if (options.manage) {
      const answer = await api.call(createPortalLink, {});
      return output.answer(answer, () => answer.portalUrl);
    }
    if (args.tier !== undefined) {
      const tier = paidTierSchema.safeParse(args.tier);
      if (!tier.success) throw new UsageError(`"${args.tier}" cannot be bought: it must be one of ${paidTierSchema.options.join(", ")}.`);
      const answer = await api.call(createCheckout, { body: { tier: tier.data }, idempotencyKey: randomUUID() });
      output.note(`Open this address to pay for the ${tier.data} plan:`);
      return output.answer(answer, () => answer.checkoutUrl);
    }
    const answer = await api.call(getMe, {});
    const { user, entitlements: included } = answer;
    output.answer(answer, () =>
      pairs(
        [
          ["plan", output.style.bold(user.subscriptionTier)],
          ["requests", `${count(included.maxRequestsPerPeriod)} a month, ${count(included.maxRequestsPerSecond)} a second`],
          ["tokens", `${count(included.maxTokensPerPeriod)} a month`],
          ["agents", count(included.maxAgents)],
          ["AgentCore", included.agentcoreEnabled ? "included" : "not included"],
        ],
        output.style,
      ),
    );
  },
});
