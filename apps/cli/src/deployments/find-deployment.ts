import { type Agent, type Deployment, listDeployments } from "@whs/api";
import type { Api } from "../api.ts";
import { UserError } from "../errors.ts";

/** By id, or by version: `3` or `v3`. @throws UserError when the agent has none such. */
export async function findDeployment(api: Api, agent: Agent, idOrVersion: string): Promise<Deployment> {
  const version = /^v?(\d+)$/.exec(idOrVersion)?.[1];
  for await (const deployment of allDeployments(api, agent.id)) {
    if (version === undefined ? deployment.id === idOrVersion : deployment.version === Number(version)) return deployment;
  }
  const named = version === undefined ? `deployment ${idOrVersion}` : `version ${version}`;
  throw new UserError(`${agent.name} has no ${named}.`, { code: "NOT_FOUND", next: [`whs deployments list ${agent.name}`] });
}

/** The one that served before the one that serves now. @throws UserError when there is none. */
export async function findPredecessor(api: Api, agent: Agent): Promise<Deployment> {
  let serving: Deployment | undefined;
  for await (const deployment of allDeployments(api, agent.id)) {
    if (deployment.id === agent.activeDeploymentId) serving = deployment;
    else if (serving !== undefined && deployment.status === "rolled_back") return deployment;
  }
  throw new UserError(`${agent.name} has no earlier version to roll back to.`, {
    code: "CONFLICT",
    next: [`whs deployments list ${agent.name}`],
  });
}

/** Newest first. */
export async function* allDeployments(api: Api, agentId: string): AsyncGenerator<Deployment> {
  let cursor: string | null = null;
  do {
    const page: { items: Deployment[]; nextCursor: string | null } = await api.call(listDeployments, {
      id: agentId,
      limit: 100,
      ...(cursor === null ? {} : { cursor }),
    });
    yield* page.items;
    cursor = page.nextCursor;
  } while (cursor !== null);
}
