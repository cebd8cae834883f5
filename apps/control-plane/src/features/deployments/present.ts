import type { Deployment, LogLine } from "@whs/api";
import type { DeploymentRow, LogLineRow } from "./store.ts";

export function toDeployment(row: DeploymentRow): Deployment {
  return {
    id: row.id,
    agentId: row.agent_id,
    version: row.version,
    runtimeProvider: row.runtime_provider,
    status: row.status,
    commitHash: row.commit_hash,
    artifact: row.artifact,
    manifest: row.manifest,
    providerRef: row.provider_ref ?? { cloudflare: null, agentcore: null },
    errorMessage: row.error_message,
    createdAt: row.created_at.toISOString(),
    deployedAt: row.deployed_at?.toISOString() ?? null,
    finishedAt: row.finished_at?.toISOString() ?? null,
    deployedBy: row.deployed_by,
  };
}

export function toLogLine(row: LogLineRow): LogLine {
  return {
    timestamp: row.at.toISOString(),
    level: row.level,
    source: row.source,
    message: row.message,
    ...(row.trace_id === null ? {} : { traceId: row.trace_id }),
  };
}
