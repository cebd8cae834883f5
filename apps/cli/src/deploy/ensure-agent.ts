import { type Agent, createAgent, listSecrets, updateAgent } from "@whs/api";
import type { AgentManifest } from "@whs/artifact";
import { randomUUID } from "node:crypto";
import { lookUpAgent } from "../agents/find-agent.ts";
import type { Api } from "../api.ts";
import { UserError } from "../errors.ts";

export interface EnsuredAgent {
  agent: Agent;
  created: boolean;
  /** Keys that the manifest names and the agent did not know yet. */
  declared: readonly string[];
}

/** The agent to deploy to, made as the manifest says where there is none, with all keys that the manifest names. */
export async function ensureAgent(api: Api, nameOrId: string, manifest: AgentManifest): Promise<EnsuredAgent> {
  const keys = [...new Set([...manifest.env.requiredKeys, ...manifest.env.optionalKeys])];
  const found = await lookUpAgent(api, nameOrId);
  if (found === undefined) {
    const body = { name: nameOrId, runtimeProvider: manifest.runtime, envVarKeys: keys };
    return { agent: (await api.call(createAgent, { body, idempotencyKey: randomUUID() })).agent, created: true, declared: keys };
  }
  const moves = found.runtimeProvider !== manifest.runtime;
  if (moves && found.activeDeploymentId !== null) throw otherRuntime(found, manifest);
  const declared = keys.filter((key) => !found.envVarKeys.includes(key));
  if (declared.length === 0 && !moves) return { agent: found, created: false, declared };
  const { agent } = await api.call(updateAgent, {
    id: found.id,
    body: {
      ...(moves ? { runtimeProvider: manifest.runtime } : {}),
      ...(declared.length === 0 ? {} : { envVarKeys: [...found.envVarKeys, ...declared] }),
    },
  });
  return { agent, created: false, declared };
}

function otherRuntime({ name, runtimeProvider }: Agent, { runtime }: AgentManifest): UserError {
  return new UserError(`${name} runs on ${runtimeProvider}, and agent.config.json says "runtime": "${runtime}".`, {
    code: "CONFLICT",
    details: [`An agent that serves stays on its runtime. Say "${runtimeProvider}" there, or deploy an agent of another name:`],
    next: [`whs deploy --agent ${name.slice(0, 53)}-${runtime}`],
  });
}

/** @throws UserError with the very commands that set what the agent cannot run without. */
export async function requireSecrets(api: Api, agent: Agent, manifest: AgentManifest, again: string): Promise<void> {
  if (manifest.env.requiredKeys.length === 0) return;
  const { items } = await api.call(listSecrets, { id: agent.id });
  const set = new Set(items.filter(({ isSet }) => isSet).map(({ key }) => key));
  const missing = manifest.env.requiredKeys.filter((key) => !set.has(key));
  if (missing.length === 0) return;
  throw new UserError(
    `${agent.name} needs ${missing.length === 1 ? "a secret that is" : "secrets that are"} not set: ${missing.join(", ")}.`,
    {
      code: "INVALID_REQUEST",
      next: [...missing.map((key) => `whs secrets set ${agent.name} ${key}`), again],
    },
  );
}
