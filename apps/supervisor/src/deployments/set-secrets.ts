import type { setSecretsSchema } from "@whs/runtimes/supervisor-protocol";
import type { z } from "zod";
import type { Cells } from "../cells/cells.ts";
import type { DeploymentRegistry } from "./registry.ts";

/** The next invocation of each deployment loads with the new set; those that run end with the old one. */
export async function setSecrets(
  { registry, cells }: { registry: DeploymentRegistry; cells: Cells },
  agentId: string,
  { userId, deploymentIds, secrets }: z.output<typeof setSecretsSchema>,
): Promise<void> {
  const wanted = new Set(deploymentIds);
  const records = registry.ofAgent(userId, agentId).filter(({ deploymentId }) => wanted.has(deploymentId));
  for (const record of records) {
    // References arrive from several control-plane processes; an older set must not come back.
    if (secrets.revision > record.secrets.revision) await registry.update({ ...record, secrets });
  }
  const cell = cells.peek(userId);
  if (cell !== undefined) await Promise.all(records.map(({ deploymentId }) => cell.gateway.forget(deploymentId)));
}
