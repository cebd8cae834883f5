import { findAgent } from "../../agents/find-agent.ts";
import { agentArgument, command, optional } from "../../command.ts";
import { activate } from "../../deployments/activate.ts";
import { findDeployment, findPredecessor } from "../../deployments/find-deployment.ts";

export const rollback = command({
  path: ["rollback"],
  group: "Build and deploy",
  summary: "Let an earlier version serve again, at once",
  args: { agent: agentArgument, version: optional("Which one; default: the one before") },
  options: { reason: { kind: "text", value: "text", summary: "Why; kept in the audit log" } },
  examples: [
    ["whs rollback echo", "Back to the version before"],
    ["whs rollback echo 3", "Back to version 3"],
  ],
  async run(context, { args, options }) {
    const { api } = context;
    const agent = await findAgent(api, args.agent);
    const target = args.version === undefined ? await findPredecessor(api, agent) : await findDeployment(api, agent, args.version);
    await activate(context, agent, target, options.reason);
  },
});
