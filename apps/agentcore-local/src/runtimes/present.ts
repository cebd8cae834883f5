/** Records in the shapes of the API. Times are RFC 3339 in UTC; undefined members are not sent. */
import type { Arns } from "../arn.ts";
import type { EndpointRecord, RuntimeRecord, VersionRecord } from "./records.ts";

export function presentRuntime(
  arns: Arns,
  { id, name, ...runtime }: RuntimeRecord,
  { version, status, spec, createdAtMs }: VersionRecord,
  environmentVariables: Readonly<Record<string, string>>,
) {
  const { sealedEnvironment: _sealed, ...settings } = spec;
  const isLatest = version === runtime.version;
  return {
    agentRuntimeArn: arns.runtime(id),
    agentRuntimeName: name,
    agentRuntimeId: id,
    agentRuntimeVersion: String(version),
    createdAt: time(createdAtMs),
    lastUpdatedAt: time(isLatest ? runtime.updatedAtMs : createdAtMs),
    status: isLatest ? runtime.status : status,
    ...(isLatest ? { failureReason: runtime.failureReason } : {}),
    workloadIdentityDetails: { workloadIdentityArn: arns.workloadIdentity(id) },
    environmentVariables,
    ...settings,
  };
}

export function summarizeRuntime(arns: Arns, runtime: RuntimeRecord, { version, status, spec, createdAtMs }: VersionRecord) {
  const isLatest = version === runtime.version;
  return {
    agentRuntimeArn: arns.runtime(runtime.id),
    agentRuntimeId: runtime.id,
    agentRuntimeVersion: String(version),
    agentRuntimeName: runtime.name,
    // The shape demands one.
    description: spec.description ?? "",
    lastUpdatedAt: time(isLatest ? runtime.updatedAtMs : createdAtMs),
    status: isLatest ? runtime.status : status,
  };
}

export function presentEndpoint(arns: Arns, runtimeId: string, endpoint: EndpointRecord) {
  return {
    agentRuntimeEndpointArn: arns.endpoint(runtimeId, endpoint.name),
    agentRuntimeArn: arns.runtime(runtimeId),
    status: endpoint.status,
    createdAt: time(endpoint.createdAtMs),
    lastUpdatedAt: time(endpoint.updatedAtMs),
    name: endpoint.name,
    id: endpoint.id,
    liveVersion: endpoint.liveVersion === undefined ? undefined : String(endpoint.liveVersion),
    targetVersion: String(endpoint.targetVersion),
    description: endpoint.description,
    failureReason: endpoint.failureReason,
  };
}

export function time(ms: number): string {
  return new Date(ms).toISOString();
}
