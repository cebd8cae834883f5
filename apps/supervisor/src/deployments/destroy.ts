import { rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { destroySchema, destroySessionSchema } from "@whs/runtimes/supervisor-protocol";
import type { z } from "zod";
import { removeSessionFiles, sessionsOfAgent } from "../cells/cell-control.ts";
import type { Cells } from "../cells/cells.ts";
import { tenantPaths } from "../cells/tenant.ts";
import type { DeploymentRegistry } from "./registry.ts";

export interface DestroyDependencies {
  registry: DeploymentRegistry;
  cells: Cells;
  roots: { runDir: string; storageDir: string };
}

/** Removes one deployment, or an agent with all its deployments and sessions. Nothing to remove is fine. */
export async function destroy(
  dependencies: DestroyDependencies,
  { userId, agentId, deploymentId }: z.output<typeof destroySchema>,
): Promise<void> {
  const { registry, cells } = dependencies;
  const all = registry.ofAgent(userId, agentId);
  const records = deploymentId === undefined ? all : all.filter((record) => record.deploymentId === deploymentId);
  for (const record of records) {
    await registry.remove(record.deploymentId);
    await cells.peek(userId)?.gateway.forget(record.deploymentId);
  }
  if (deploymentId === undefined) await destroySessions(dependencies, userId, agentId);
  if (!registry.hasTenant(userId)) await forgetTenant(dependencies, userId);
}

export async function destroySession(
  { registry, cells }: DestroyDependencies,
  { userId, agentId, providerSessionId }: z.output<typeof destroySessionSchema>,
): Promise<void> {
  if (!registry.hasTenant(userId)) return;
  const cell = await cells.ensure(userId);
  await cell.gateway.destroySession(agentId, providerSessionId);
}

async function destroySessions({ cells, roots }: DestroyDependencies, userId: string, agentId: string): Promise<void> {
  const paths = tenantPaths(roots, userId);
  const cell = cells.peek(userId);
  for (const objectId of await sessionsOfAgent(paths, agentId)) {
    if (cell === undefined) await removeSessionFiles(paths, objectId);
    else await cell.gateway.destroyObject(agentId, objectId);
  }
  await rm(join(paths.sessionIndexDir, agentId), { recursive: true, force: true });
}

/** The last deployment is gone, and every session with its agent: nothing of the tenant stays on this node. */
async function forgetTenant({ cells, roots }: DestroyDependencies, userId: string): Promise<void> {
  await cells.exclusively(userId, { reason: "its tenant has nothing left", drainMs: 1_000 }, () =>
    rm(dirname(tenantPaths(roots, userId).ownerFile), { recursive: true, force: true }),
  );
}
