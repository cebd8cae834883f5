import { type Agent, getDeployment, listDeployments } from "@whs/api";
import type { Api } from "../../api.server.ts";

/** Deployments that a filter offers; older ones are named one by one where they turn up. */
const MOST_OFFERED = 100;

export interface NamedDeployment {
  id: string;
  version: number;
  active: boolean;
}

/** The agent's latest deployments, newest first. */
export async function latestDeployments(api: Api, agent: Pick<Agent, "id" | "activeDeploymentId">): Promise<NamedDeployment[]> {
  const { items } = await api.call(listDeployments, { id: agent.id, limit: MOST_OFFERED });
  return items.map(({ id, version }) => ({ id, version, active: id === agent.activeDeploymentId }));
}

/** @returns versions by the deployment's id, of those that are still there */
export async function versionsOf(api: Api, ids: readonly string[]): Promise<Record<string, number>> {
  const found = await Promise.all([...new Set(ids)].map((id) => api.attempt(getDeployment, { id })));
  return Object.fromEntries(
    found.flatMap((attempt) => (attempt.ok ? [[attempt.answer.deployment.id, attempt.answer.deployment.version]] : [])),
  );
}
