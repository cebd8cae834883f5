import { getAgent } from "@whs/api";
import { describeAgent } from "../../agents/describe-agent.ts";
import { findAgent } from "../../agents/find-agent.ts";
import { agentArgument, command } from "../../command.ts";

export const agentsGet = command({
  path: ["agents", "get"],
  group: "Run",
  summary: "Show an agent",
  args: { agent: agentArgument },
  options: {},
  async run({ api, output }, { args }) {
    const { id } = await findAgent(api, args.agent);
    const answer = await api.call(getAgent, { id });
    output.answer(answer, () => describeAgent(answer.agent, output.style));
  },
});
