import type { Agent, BodyOf, createAgent as endpoint } from "@whs/api";
import { limitExceeded } from "@whs/platform/errors";
import { newId } from "@whs/platform/ids";
import type { Context } from "../../context.ts";
import { toAgent } from "./present.ts";
import { nameTaken, providerConfigFor, requireRuntime } from "./rules.ts";
import { countLivingAgents, insertAgent } from "./store.ts";

export async function createAgent(context: Context, input: BodyOf<typeof endpoint>): Promise<{ agent: Agent }> {
  requireRuntime(context, input.runtimeProvider);
  const providerConfig = providerConfigFor(input.runtimeProvider, input.providerConfig);
  const { maxAgents } = context.tiers[context.user.tier];
  const id = newId("agt");
  try {
    return await context.write(
      { action: "agent.created", target: id, metadata: { name: input.name, runtimeProvider: input.runtimeProvider } },
      async (transaction) => {
        const current = await countLivingAgents(transaction, context.user.id);
        if (current >= maxAgents) {
          throw limitExceeded(
            {
              limitType: "maxAgents",
              periodKey: null,
              current,
              limit: maxAgents,
              suggestedAction: "Delete an agent that you no longer need, or upgrade.",
            },
            `The ${context.user.tier} plan allows ${maxAgents} agents.`,
          );
        }
        const row = await insertAgent(transaction, {
          id,
          userId: context.user.id,
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
