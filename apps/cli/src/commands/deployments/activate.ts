import { findAgent } from "../../agents/find-agent.ts";
import { agentArgument, command, required } from "../../command.ts";
import { activate } from "../../deployments/activate.ts";
import { findDeployment } from "../../deployments/find-deployment.ts";

export const deploymentsActivate = command({
  path: ["deployments", "activate"],
  group: "Build and deploy",
  summary: "Let this deployment serve: roll back or forward",
  args: { agent: agentArgument, deployment: required("The deployment's version or id") },
  options: { reason: { kind: "text", value: "text", summary: "Why; kept in the audit log" } },
  async run(context, { args, options }) {
    const agent = await findAgent(context.api, args.agent);
    await activate(context, agent, await findDeployment(context.api, agent, args.deployment), options.reason);
  },
});
