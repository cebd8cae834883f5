import { createHash } from "node:crypto";
import type { DeploymentRef } from "../port.ts";

/** Name of an agent's runtime: hashes of tenant and agent, so that two tenants' names never meet. AgentCore takes up to 48 characters. */
export function runtimeName({ userId, agentId }: { userId: string; agentId: string }): string {
  return `whs_${hash(userId, 16)}_${hash(`${userId}/${agentId}`, 24)}`;
}

/** A deployment's endpoint bears its id, which is what the name pattern allows. */
export function endpointName(deploymentId: string): string {
  return /^[a-zA-Z][a-zA-Z0-9_]{0,47}$/.test(deploymentId) ? deploymentId : `d${hash(deploymentId, 40)}`;
}

/** The provider's session id: 64 characters that tell nothing of ours, and that no two agents share. */
export function runtimeSessionId(agentId: string, sessionId: string): string {
  return hash(`session/${agentId}/${sessionId}`, 64);
}

/** Marks a request as one that is sent again, as long as it asks for the same. */
export function clientToken(purpose: string, request: unknown): string {
  return hash(`${purpose}/${JSON.stringify(request)}`, 64);
}

export function runtimeTags({ userId, agentId }: { userId: string; agentId: string }): Record<string, string> {
  return { userId, agentId, managedBy: "whs" };
}

export function endpointTags({ userId, agentId, deploymentId }: DeploymentRef, version: number): Record<string, string> {
  return { ...runtimeTags({ userId, agentId }), deploymentId, version: String(version) };
}

function hash(text: string, characters: number): string {
  return createHash("sha256").update(text).digest("hex").slice(0, characters);
}
