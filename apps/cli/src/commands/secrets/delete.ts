import { deleteSecret } from "@whs/api";
import { findAgent } from "../../agents/find-agent.ts";
import { agentArgument, command, required } from "../../command.ts";
import { tellWhenItCounts } from "./set.ts";

export const secretsDelete = command({
  path: ["secrets", "delete"],
  group: "Build and deploy",
  summary: "Remove a secret",
  args: { agent: agentArgument, key: required("The secret's name") },
  options: {},
  async run({ api, output }, { args }) {
    const { id, name } = await findAgent(api, args.agent);
    const { answer, headers } = await api.exchange(deleteSecret, { id, key: args.key });
    output.answer(answer, () => `${args.key} of ${name} is removed.`);
    tellWhenItCounts(headers, name, output);
  },
});
