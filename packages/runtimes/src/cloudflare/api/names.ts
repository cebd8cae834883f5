import { createHash } from "node:crypto";
import type { DeploymentRef } from "../../port.ts";

/**
 * One script a deployment: going back is a pointer, and two versions serve beside each other. Script names have lower-case
 * letters, digits, `-` and `_`, at most 63 of them; the hash keeps tenants' names apart whatever their ids are.
 */
export function agentScriptName({ userId, deploymentId }: Pick<DeploymentRef, "userId" | "deploymentId">): string {
  return `whs-${tenantHash(userId)}-${deploymentId}`;
}

/** One script an agent for its sessions, so that they outlive every deployment of it. */
export function sessionsScriptName({ userId, agentId }: Pick<DeploymentRef, "userId" | "agentId">): string {
  return `whs-${tenantHash(userId)}-${agentId}-sessions`;
}

/** At most eight tags a script, none with a comma, a colon or an ampersand: those mean something where scripts are searched by tag. */
export function scriptTags(tags: { userId: string; agentId: string; deploymentId?: string; version?: number; build: string }): string[] {
  const { userId, agentId, deploymentId, version, build } = tags;
  return [
    "whs",
    `user-${userId}`,
    `agent-${agentId}`,
    ...(deploymentId === undefined ? [] : [`deployment-${deploymentId}`]),
    ...(version === undefined ? [] : [`version-${version}`]),
    `build-${build}`,
  ];
}

/** Our own Workers of an installation, beside its dispatch namespace. */
export function ownWorkerNames(namespace: string): { dispatch: string; tail: string } {
  return { dispatch: `${namespace}-dispatch`, tail: `${namespace}-tail` };
}

function tenantHash(userId: string): string {
  return createHash("sha256").update(userId).digest("hex").slice(0, 12);
}
