import type { Agent, BodyOf, updateAgent as endpoint } from "@whs/api";
import { conflict, invalidRequest, notFound } from "@whs/platform/errors";
import type { Context } from "../../context.ts";
import { toAgent } from "./present.ts";
import { nameTaken, providerConfigFor, requireRuntime } from "./rules.ts";
import { type AgentRow, keysWithSecret, lockAgent, updateAgent as writeAgent } from "./store.ts";

type Changes = BodyOf<typeof endpoint>;

export async function updateAgent(context: Context, input: { id: string; changes: Changes }): Promise<{ agent: Agent }> {
  const { id, changes } = input;
  if (changes.runtimeProvider !== undefined) requireRuntime(context, changes.runtimeProvider);
  try {
    const answer = await context.write(
      { action: "agent.updated", target: id, metadata: { fields: Object.keys(changes) } },
      async (transaction) => {
        const agent = await lockAgent(transaction, context.user.id, id);
        if (agent === undefined) throw notFound("Agent");
        const providerConfig = newProviderConfig(agent, changes);
        if (changes.envVarKeys !== undefined) refuseDroppingSetKeys(changes.envVarKeys, await keysWithSecret(transaction, id));
        const row = await writeAgent(transaction, id, {
          ...(changes.name === undefined ? {} : { name: changes.name }),
          ...(changes.description === undefined ? {} : { description: changes.description }),
          ...(changes.framework === undefined ? {} : { framework: changes.framework }),
          ...(changes.envVarKeys === undefined ? {} : { env_var_keys: changes.envVarKeys }),
          ...(changes.sharing === undefined ? {} : { sharing: changes.sharing }),
          ...(providerConfig === undefined
            ? {}
            : { provider_config: JSON.stringify(providerConfig), runtime_provider: changes.runtimeProvider ?? agent.runtime_provider }),
        });
        return { agent: toAgent(row) };
      },
    );
    await context.forgetRoute(id);
    return answer;
  } catch (error) {
    throw nameTaken(error, changes.name ?? "");
  }
}

function newProviderConfig(agent: AgentRow, changes: Changes): Agent["providerConfig"] | undefined {
  const runtimeProvider = changes.runtimeProvider ?? agent.runtime_provider;
  if (runtimeProvider === agent.runtime_provider)
    return changes.providerConfig === undefined ? undefined : providerConfigFor(runtimeProvider, changes.providerConfig);
  if (agent.status === "deploying") throw conflict("The runtime cannot change while the agent is deploying.");
  if (agent.active_deployment_id !== null)
    throw conflict("The runtime cannot change while a deployment is active; create another agent for the other runtime.");
  return providerConfigFor(runtimeProvider, changes.providerConfig);
}

function refuseDroppingSetKeys(keys: readonly string[], withSecret: readonly string[]): void {
  const dropped = withSecret.filter((key) => !keys.includes(key));
  if (dropped.length === 0) return;
  throw invalidRequest([{ fieldName: "envVarKeys", message: `drops ${dropped.join(", ")}, which has a secret; delete the secret first` }]);
}
