import { enableAgent } from "@whs/api";
import { findAgent } from "../../agents/find-agent.ts";
import { agentArgument, command } from "../../command.ts";

export const agentsEnable = command({
  path: ["agents", "enable"],
  group: "Run",
  summary: "Let a disabled agent serve again",
  args: { agent: agentArgument },
  options: {},
  async run({ api, output }, { args }) {
    const { id } = await findAgent(api, args.agent);
    const answer = await api.call(enableAgent, { id });
    output.answer(answer, () => `${answer.agent.name} is enabled.`);
  },
});
