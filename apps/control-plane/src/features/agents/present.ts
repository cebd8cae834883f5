import type { Agent } from "@whs/api";
import type { AgentRow } from "./store.ts";

export function toAgent(row: AgentRow): Agent {
  return {
    id: row.id,
    userId: row.user_id,
    name: row.name,
    description: row.description,
    framework: row.framework,
    runtimeProvider: row.runtime_provider,
    status: row.status,
    activeDeploymentId: row.active_deployment_id,
    envVarKeys: row.env_var_keys,
    providerConfig: row.provider_config,
    sharing: row.sharing,
    createdAt: row.created_at.toISOString(),
    updatedAt: row.updated_at.toISOString(),
    lastDeployedAt: row.last_deployed_at?.toISOString() ?? null,
  };
}
