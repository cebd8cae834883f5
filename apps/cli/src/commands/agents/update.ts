import { updateAgent } from "@whs/api";
import { describeAgent } from "../../agents/describe-agent.ts";
import { findAgent } from "../../agents/find-agent.ts";
import { agentArgument, command } from "../../command.ts";
import { UsageError } from "../../errors.ts";
import { agentOptions } from "./options.ts";

export const agentsUpdate = command({
  path: ["agents", "update"],
  group: "Run",
  summary: "Change an agent",
  args: { agent: agentArgument },
  options: {
    name: { kind: "text", value: "name", summary: "New name" },
    ...agentOptions,
    sharing: { kind: "text", value: "who", summary: "Whether others may install it", choices: ["private", "installable"] },
  },
  examples: [["whs agents update echo --env-key OPENAI_API_KEY", "Declare one secret; --env-key replaces all that were declared before"]],
  async run({ api, output }, { args, options }) {
    const { name, runtime, description, framework, envKey, sharing } = options;
    const body = {
      ...(name === undefined ? {} : { name }),
      ...(runtime === undefined ? {} : { runtimeProvider: runtime }),
      ...(description === undefined ? {} : { description }),
      ...(framework === undefined ? {} : { framework }),
      ...(envKey.length === 0 ? {} : { envVarKeys: envKey }),
      ...(sharing === undefined ? {} : { sharing }),
    };
    if (Object.keys(body).length === 0)
      throw new UsageError("Nothing to change: name at least one option.", { next: ["whs agents update --help"] });
    const { id } = await findAgent(api, args.agent);
    const answer = await api.call(updateAgent, { id, body });
    output.answer(answer, () => describeAgent(answer.agent, output.style));
  },
});
