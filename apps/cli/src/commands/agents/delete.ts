import { deleteAgent } from "@whs/api";
import { findAgent } from "../../agents/find-agent.ts";
import { agentArgument, command, flag } from "../../command.ts";
import { confirm } from "../../terminal/prompt.ts";

export const agentsDelete = command({
  path: ["agents", "delete"],
  group: "Run",
  summary: "Delete an agent with its deployments, sessions and secrets",
  args: { agent: agentArgument },
  options: { yes: flag("Do not ask") },
  async run(context, { args, options }) {
    const { api, output } = context;
    const { id, name } = await findAgent(api, args.agent);
    await confirm(context, { question: `Delete ${name}, its sessions and its secrets? This cannot be undone.`, yes: options.yes });
    const answer = await api.call(deleteAgent, { id });
    output.answer(answer, () => `${name} is deleted.`);
  },
});
