import { createAgent } from "@whs/api";
import { randomUUID } from "node:crypto";
import { describeAgent } from "../../agents/describe-agent.ts";
import { command, required } from "../../command.ts";
import { agentOptions } from "./options.ts";

export const agentsCreate = command({
  path: ["agents", "create"],
  group: "Run",
  summary: "Create an agent (whs deploy does it too)",
  args: { name: required("3 to 64 of A-Z, a-z, 0-9, _ and -") },
  options: agentOptions,
  async run({ api, output }, { args, options }) {
    const { runtime = "cloudflare", description, framework, envKey } = options;
    const answer = await api.call(createAgent, {
      body: {
        name: args.name,
        runtimeProvider: runtime,
        ...(description === undefined ? {} : { description }),
        ...(framework === undefined ? {} : { framework }),
        ...(envKey.length === 0 ? {} : { envVarKeys: envKey }),
      },
      idempotencyKey: randomUUID(),
    });
    output.answer(answer, () => describeAgent(answer.agent, output.style));
    output.next(`whs deploy --agent ${answer.agent.name}`);
  },
});
