import type { Agent, BodyOf, createAgent as endpoint } from "@whs/api";
import { newId } from "@whs/platform/ids";
import type { Context } from "../../context.ts";
import { addAgent } from "./add-agent.ts";
import { toAgent } from "./present.ts";
import { nameTaken, providerConfigFor, requireRuntime } from "./rules.ts";

export async function createAgent(context: Context, input: BodyOf<typeof endpoint>): Promise<{ agent: Agent }> {
  requireRuntime(context, input.runtimeProvider);
  const providerConfig = providerConfigFor(input.runtimeProvider, input.providerConfig);
  const id = newId("agt");
  try {
    return await context.write(
      { action: "agent.created", target: id, metadata: { name: input.name, runtimeProvider: input.runtimeProvider } },
      async (transaction) => {
        const row = await addAgent(context, transaction, {
          id,
          name: input.name,
          description: input.description ?? null,
          framework: input.framework ?? null,
          runtimeProvider: input.runtimeProvider,
          envVarKeys: input.envVarKeys ?? [],
          providerConfig,
        });
        return { agent: toAgent(row) };
      },
    );
  } catch (error) {
    throw nameTaken(error, input.name);
  }
}
