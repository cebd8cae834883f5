import { disableUser, enableUser } from "@whs/api";
import { command, required } from "../../command.ts";
import { UsageError } from "../../errors.ts";
import { callAsOperator } from "../../operator/call-as-operator.ts";
import { describeUser } from "./describe-user.ts";

const endpoints = { disable: disableUser, enable: enableUser } as const;

export const adminUser = command({
  path: ["admin", "user"],
  group: "Operate",
  summary: "Disable an account, at once and everywhere, or enable it again",
  args: { action: required("disable or enable"), user: required("E-mail address or external id") },
  options: {},
  async run(context, { args }) {
    const { action } = args;
    if (action !== "disable" && action !== "enable") throw new UsageError(`"${action}" is not possible: say disable or enable.`);
    const answer = await callAsOperator(context, endpoints[action], { emailOrExternalId: args.user });
    context.output.answer(answer, () => describeUser(answer.user, context.output.style));
  },
});
