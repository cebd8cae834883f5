import { clients, clientSnippet, keyVariable } from "@whs/api";
import { findAgent } from "../../agents/find-agent.ts";
import { agentArgument, command } from "../../command.ts";

export const agentsConnect = command({
  path: ["agents", "connect"],
  group: "Run",
  summary: "Print how a client that you already have talks to an agent",
  args: { agent: agentArgument },
  options: { client: { kind: "text", value: "client", summary: "Which client (default curl)", choices: clients } },
  examples: [["whs agents connect my-agent --client openai", "with the openai package"]],
  async run({ api, output }, { args, options }) {
    const { id, name } = await findAgent(api, args.agent);
    const client = options.client ?? "curl";
    const snippet = clientSnippet(client, { url: api.url.replace(/\/+$/, ""), agent: { id, name } });
    output.answer({ client, snippet }, () => snippet);
    output.note(`Set ${keyVariable} to a token of yours that may invoke:`);
    output.next("whs tokens create clients --scope invoke");
  },
});
