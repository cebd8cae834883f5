import { fleetprompt } from "@whs/api";
import { command, required } from "../../command.ts";
import { UsageError } from "../../errors.ts";
import { callMarketplaceAsOperator } from "../../operator/call-marketplace-as-operator.ts";

const ACTIONS = ["grant", "revoke"];
const ROLES = fleetprompt.grantableRole.options;

export const adminRoles = command({
  path: ["admin", "roles"],
  group: "Operate",
  summary: "Give an account a role in the marketplace, or take it away",
  args: {
    action: required("grant or revoke"),
    user: required("E-mail address or external id"),
    role: required(`One of ${ROLES.join(", ")}`),
  },
  options: {},
  examples: [["whs admin roles grant ada@example.com admin", "Let an account look after the marketplace"]],
  async run(context, { args }) {
    if (!ACTIONS.includes(args.action)) throw new UsageError(`"${args.action}" is no action: it must be grant or revoke.`);
    const role = fleetprompt.grantableRole.safeParse(args.role);
    if (!role.success) throw new UsageError(`"${args.role}" is no role: it must be one of ${ROLES.join(", ")}.`);
    const answer = await callMarketplaceAsOperator(context, fleetprompt.changeRole, {
      emailOrExternalId: args.user,
      body: { role: role.data, grant: args.action === "grant" },
    });
    context.output.answer(answer, () => `${answer.user.email ?? answer.user.externalId} is now ${answer.user.roles.join(", ")}.`);
  },
});
