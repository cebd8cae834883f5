import { type DeployInput, ProviderError } from "../port.ts";
import { agentcoreLimits, variableProblems } from "./limits.ts";
import type { AgentcoreProviderOptions } from "./options.ts";
import { CONTAINER_PORT, ENV_PREFIX, SESSION_MOUNT } from "./protocol.ts";
import type { RuntimeSettings } from "./runtimes.ts";

/** What this driver refuses whoever asks: the last of three layers, and what the platform cannot do. @throws ProviderError `invalid` */
export function checkDeployment({ manifest, entitlements, agentcore }: DeployInput, options: AgentcoreProviderOptions): void {
  const refuse = (message: string): never => {
    throw new ProviderError("invalid", message, { reached: false });
  };
  if (manifest.runtime !== "agentcore") refuse(`The manifest is for ${manifest.runtime}, not for agentcore.`);
  if (!entitlements.agentcoreEnabled) refuse("The plan does not include the AgentCore runtime.");
  if (manifest.capabilities.codeInterpreter === true && !entitlements.codeInterpreterEnabled)
    refuse("The plan does not include the code interpreter.");
  if (manifest.capabilities.browser === true && !entitlements.browserEnabled) refuse("The plan does not include the browser.");
  const { container, network, vCpu = agentcore?.vCpu, memoryMb = agentcore?.memoryMb } = manifest.agentcore ?? {};
  if ((container?.port ?? CONTAINER_PORT) !== CONTAINER_PORT) refuse(`agentcore.container.port must be ${CONTAINER_PORT}.`);
  if ((container?.healthcheckPath ?? "/ping") !== "/ping") refuse("agentcore.container.healthcheckPath must be /ping.");
  if (network?.mode === "VPC" && options.network.mode !== "VPC")
    refuse("agentcore.network.mode VPC: this installation has no VPC for agents.");
  if ((vCpu ?? 0) > agentcoreLimits.vCpu) refuse(`agentcore.vCpu: a session has ${agentcoreLimits.vCpu} vCPUs at most.`);
  if ((memoryMb ?? 0) > agentcoreLimits.memoryMb) refuse(`agentcore.memoryMb: a session has ${agentcoreLimits.memoryMb} MB at most.`);
  if (agentcore?.region !== undefined && agentcore.region !== options.region)
    refuse(`providerConfig.agentcore.region: this installation's agents run in ${options.region}.`);
}

/** A version as AgentCore is asked for it. @throws ProviderError `invalid` when the variables are beyond its limits. */
export function settingsOf(
  { manifest, agentcore, deploymentId }: DeployInput,
  variables: Readonly<Record<string, string>>,
  imageUri: string,
  options: AgentcoreProviderOptions,
): RuntimeSettings {
  const [problem] = variableProblems(variables);
  if (problem !== undefined) throw new ProviderError("invalid", `The secret ${problem.key} ${problem.message}.`, { reached: false });
  const { lifecycle, network } = manifest.agentcore ?? {};
  const maxLifetime = lifecycle?.maxLifetimeSeconds ?? agentcore?.maxLifetimeSeconds ?? options.lifecycle.maxLifetimeSeconds;
  const idle = lifecycle?.idleTimeoutSeconds ?? agentcore?.idleTimeoutSeconds ?? options.lifecycle.idleTimeoutSeconds;
  const isVpc = options.network.mode === "VPC" && network?.mode !== "PUBLIC";
  return {
    agentRuntimeArtifact: { containerConfiguration: { containerUri: imageUri } },
    roleArn: options.roleArn,
    networkConfiguration: isVpc ? vpcOf(options) : { networkMode: "PUBLIC" },
    protocolConfiguration: { serverProtocol: "HTTP" },
    lifecycleConfiguration: { idleRuntimeSessionTimeout: Math.min(idle, maxLifetime), maxLifetime },
    environmentVariables: Object.fromEntries(Object.entries(variables).map(([key, value]) => [ENV_PREFIX + key, value])),
    ...(options.sessionStorage ? { filesystemConfigurations: [{ sessionStorage: { mountPath: SESSION_MOUNT } }] } : {}),
    // By it a version is found again: AgentCore numbers them itself.
    description: deploymentId,
  };
}

function vpcOf({ network }: AgentcoreProviderOptions): NonNullable<RuntimeSettings["networkConfiguration"]> {
  if (network.mode !== "VPC") return { networkMode: "PUBLIC" };
  return { networkMode: "VPC", networkModeConfig: { subnets: [...network.subnets], securityGroups: [...network.securityGroups] } };
}
