import type { Agent } from "./types.ts";

/** Returns the agent as it is: this only gives `invoke` its types. `Env` names the agent's secrets and settings. */
export function defineAgent<Env = Record<string, string>>(agent: Agent<Env>): Agent<Env> {
  return agent;
}
