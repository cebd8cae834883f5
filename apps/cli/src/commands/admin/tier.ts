import { setUserTier, tierSchema } from "@whs/api";
import { command, required } from "../../command.ts";
import { UsageError } from "../../errors.ts";
import { callAsOperator } from "../../operator/call-as-operator.ts";
import { describeUser } from "./describe-user.ts";

export const adminTier = command({
  path: ["admin", "tier"],
  group: "Operate",
  summary: "Put an account on a plan",
  args: { user: required("E-mail address or external id"), tier: required(`One of ${tierSchema.options.join(", ")}`) },
  options: {},
  async run(context, { args }) {
    const tier = tierSchema.safeParse(args.tier);
    if (!tier.success) throw new UsageError(`"${args.tier}" is no plan: it must be one of ${tierSchema.options.join(", ")}.`);
    const answer = await callAsOperator(context, setUserTier, { emailOrExternalId: args.user, body: { tier: tier.data } });
    context.output.answer(answer, () => describeUser(answer.user, context.output.style));
  },
});
