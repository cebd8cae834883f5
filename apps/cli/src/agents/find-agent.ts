import { type Agent, ApiError, getAgent, listAgents } from "@whs/api";
import type { Api } from "../api.ts";
import { UserError } from "../errors.ts";
import { mostSimilar } from "./similar.ts";

/** @throws UserError when none of the user's agents has this name or id. */
export async function findAgent(api: Api, nameOrId: string): Promise<Agent> {
  const agent = await lookUpAgent(api, nameOrId);
  if (agent !== undefined) return agent;
  const similar = mostSimilar(nameOrId, await agentNames(api));
  throw new UserError(`There is no agent "${nameOrId}".${similar === undefined ? "" : ` Did you mean "${similar}"?`}`, {
    code: "NOT_FOUND",
    next: ["whs agents list"],
  });
}

/** Undefined when none of the user's agents has this name or id. */
export async function lookUpAgent(api: Api, nameOrId: string): Promise<Agent | undefined> {
  if (nameOrId.startsWith("agt_")) {
    const agent = await getById(api, nameOrId);
    if (agent !== undefined) return agent;
  }
  for await (const agent of allAgents(api)) if (agent.name === nameOrId) return agent;
  return undefined;
}

async function getById(api: Api, id: string): Promise<Agent | undefined> {
  try {
    return (await api.call(getAgent, { id })).agent;
  } catch (error) {
    if (error instanceof ApiError && error.code === "NOT_FOUND") return undefined;
    throw error;
  }
}

async function agentNames(api: Api): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of allAgents(api)) names.push(name);
  return names;
}

async function* allAgents(api: Api): AsyncGenerator<Agent> {
  let cursor: string | null = null;
  do {
    const page: { items: Agent[]; nextCursor: string | null } = await api.call(
      listAgents,
      cursor === null ? { limit: 100 } : { limit: 100, cursor },
    );
    yield* page.items;
    cursor = page.nextCursor;
  } while (cursor !== null);
}
