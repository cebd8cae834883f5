import { type Agent, ApiError, type Deployment, getDeployment, getRuntimeStack, listAgents, listDeployments, listSecrets } from "@whs/api";
import { type AgentState, finding, type Finding, readObservation, type StackObservation } from "@whs/artifact/contract";
import { type Api, describeApiError } from "./api.ts";

/** What runs at the other end. `reason`: why that cannot be seen. */
export async function observeStack(api: Api): Promise<{ stack: StackObservation | null; reason: string | null }> {
  try {
    const stack = readObservation(await api.call(getRuntimeStack, {}));
    return { stack, reason: stack === null ? "The answer is no observation of a stack." : null };
  } catch (error) {
    if (error instanceof ApiError) return { stack: null, reason: describeApiError(error) };
    throw error;
  }
}

/** The agents of these names, as the account has them. @throws ApiError */
export async function findAgents(api: Api, names: readonly string[]): Promise<Map<string, Agent>> {
  const wanted = new Set(names);
  const found = new Map<string, Agent>();
  for await (const agent of api.all((cursor) => api.call(listAgents, { limit: 100, ...cursor }))) {
    if (wanted.has(agent.name)) found.set(agent.name, agent);
    if (found.size === wanted.size) break;
  }
  return found;
}

/** @throws ApiError */
export async function namesOfSetSecrets(api: Api, agentId: string): Promise<string[]> {
  const { items } = await api.call(listSecrets, { id: agentId });
  return items.filter(({ isSet }) => isSet).map(({ key }) => key);
}

/** @param checksum of the payload's archive. @throws ApiError */
export async function observeAgent(api: Api, agent: Agent, checksum: string): Promise<AgentState> {
  return {
    id: agent.id,
    runtime: agent.runtimeProvider,
    isDisabled: agent.status === "disabled",
    activeDeploymentId: agent.activeDeploymentId,
    envVarKeys: agent.envVarKeys,
    secretsSet: await namesOfSetSecrets(api, agent.id),
    deployment: await findDeployment(api, agent, checksum),
  };
}

async function findDeployment(api: Api, agent: Agent, checksum: string): Promise<AgentState["deployment"]> {
  if (agent.activeDeploymentId !== null) {
    const { deployment } = await api.call(getDeployment, { id: agent.activeDeploymentId });
    if (checksumOf(deployment) === checksum) return describe(deployment);
  }
  for await (const deployment of api.all((cursor) => api.call(listDeployments, { id: agent.id, limit: 100, ...cursor })))
    if (deployment.status !== "failed" && deployment.runtimeProvider === agent.runtimeProvider && checksumOf(deployment) === checksum)
      return describe(deployment);
  return null;
}

function checksumOf({ artifact: { source } }: Deployment): string | undefined {
  return "checksum" in source ? source.checksum : undefined;
}

function describe({ id, version, status }: Deployment): NonNullable<AgentState["deployment"]> {
  return { id, version, isRunning: status === "deploying" };
}

export function requestFailed(error: ApiError, path = ""): Finding {
  return finding("APPLY_REQUEST_FAILED", { path, message: `The API answers ${describeApiError(error)}` });
}
