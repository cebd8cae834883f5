import { disableAgent } from "@whs/api";
import { findAgent } from "../../agents/find-agent.ts";
import { agentArgument, command } from "../../command.ts";

export const agentsDisable = command({
  path: ["agents", "disable"],
  group: "Run",
  summary: "Stop an agent from serving, at once",
  args: { agent: agentArgument },
  options: {},
  async run({ api, output }, { args }) {
    const { id } = await findAgent(api, args.agent);
    const answer = await api.call(disableAgent, { id });
    output.answer(answer, () => `${answer.agent.name} is disabled. It refuses every invocation until you enable it.`);
  },
});
