/** Agents' runtimes and deployments' endpoints on AgentCore: found by name, changed, waited for. */
import {
  type BedrockAgentCoreControlClient,
  CreateAgentRuntimeCommand,
  type CreateAgentRuntimeCommandInput,
  CreateAgentRuntimeEndpointCommand,
  DeleteAgentRuntimeCommand,
  DeleteAgentRuntimeEndpointCommand,
  GetAgentRuntimeCommand,
  GetAgentRuntimeEndpointCommand,
  ListAgentRuntimesCommand,
  paginateListAgentRuntimeEndpoints,
  paginateListAgentRuntimes,
  paginateListAgentRuntimeVersions,
  UpdateAgentRuntimeCommand,
} from "@aws-sdk/client-bedrock-agentcore-control";
import { setTimeout as pause } from "node:timers/promises";
import { type DeploymentRef, ProviderError } from "../port.ts";
import { isConflict, isNotFound, isQuota } from "./errors.ts";
import { clientToken, endpointName, runtimeName, runtimeTags } from "./names.ts";

export interface RuntimeRef {
  id: string;
  arn: string;
}
export type RuntimeSettings = Omit<CreateAgentRuntimeCommandInput, "agentRuntimeName" | "clientToken" | "tags">;

const FIRST_POLL_MS = 50;
const LONGEST_POLL_MS = 2_000;
/** A change that takes longer is given up; asking for it again goes on where it stands. */
const MAX_WAIT_MS = 100_000;
/** Known runtimes; a gateway serves far fewer agents at a time. */
const MAX_KNOWN = 50_000;

type Agent = Pick<DeploymentRef, "userId" | "agentId">;

export class Runtimes {
  private readonly client: BedrockAgentCoreControlClient;
  private readonly known = new Map<string, RuntimeRef>();
  private listing: Promise<void> | null = null;

  constructor(client: BedrockAgentCoreControlClient) {
    this.client = client;
  }

  /** AgentCore gives ids of its own and finds nothing by name, so that names are listed once and remembered. */
  async find(agent: Agent): Promise<RuntimeRef | null> {
    const name = runtimeName(agent);
    const known = this.known.get(name);
    if (known !== undefined) return known;
    this.listing ??= this.list().finally(() => (this.listing = null));
    await this.listing;
    return this.known.get(name) ?? null;
  }

  remember(agent: Agent, ref: RuntimeRef): void {
    if (this.known.size >= MAX_KNOWN) this.known.clear();
    this.known.set(runtimeName(agent), ref);
  }

  forget(agent: Agent): void {
    this.known.delete(runtimeName(agent));
  }

  async ping(): Promise<void> {
    await this.client.send(new ListAgentRuntimesCommand({ maxResults: 1 }));
  }

  /** Makes the agent's runtime, or its next version, and waits until it is ready. @returns the version's number. */
  async put(agent: Agent, settings: RuntimeSettings, purpose: string): Promise<{ ref: RuntimeRef; version: string }> {
    const existing = await this.stable(agent);
    const token = clientToken(purpose, settings);
    const answer =
      existing === null
        ? await this.client.send(
            new CreateAgentRuntimeCommand({
              ...settings,
              agentRuntimeName: runtimeName(agent),
              clientToken: token,
              tags: runtimeTags(agent),
            }),
          )
        : await this.client.send(new UpdateAgentRuntimeCommand({ ...settings, agentRuntimeId: existing.id, clientToken: token }));
    const ref = { id: required(answer.agentRuntimeId), arn: required(answer.agentRuntimeArn) };
    this.remember(agent, ref);
    const status = await this.settled(ref);
    if (status !== "READY") await this.failed(ref, status);
    return { ref, version: required(answer.agentRuntimeVersion) };
  }

  /** The deployment's endpoint, if it is there and serves. One that failed is removed. */
  async findEndpoint(ref: RuntimeRef, deploymentId: string): Promise<boolean> {
    const name = endpointName(deploymentId);
    const status = await this.endpointStatus(ref, name);
    if (status === null) return false;
    const settled = await this.endpointSettled(ref, name);
    if (settled === "READY") return true;
    if (settled !== null) await this.removeEndpoint(ref, deploymentId);
    return false;
  }

  /** Makes an endpoint for a version; where the account allows no more of them, the oldest one gives way. */
  async putEndpoint(ref: RuntimeRef, deploymentId: string, version: string, tags: Record<string, string>): Promise<void> {
    const name = endpointName(deploymentId);
    const create = () =>
      this.client.send(
        new CreateAgentRuntimeEndpointCommand({
          agentRuntimeId: ref.id,
          name,
          agentRuntimeVersion: version,
          description: deploymentId,
          clientToken: clientToken("endpoint", [ref.id, name, version, Date.now()]),
          tags,
        }),
      );
    try {
      await create();
    } catch (error) {
      if (!isQuota(error)) {
        // Somebody else was faster with the same endpoint.
        if (!isConflict(error) || (await this.endpointStatus(ref, name)) === null) throw error;
      } else {
        await this.removeOldestEndpoint(ref, name, error);
        await create();
      }
    }
    const status = await this.endpointSettled(ref, name);
    if (status !== "READY") throw new ProviderError("transient", "AgentCore could not make the deployment's endpoint.", { cause: status });
  }

  /** The version that was made for a deployment, while AgentCore has it. */
  async versionOf(ref: RuntimeRef, deploymentId: string): Promise<string | null> {
    for await (const page of paginateListAgentRuntimeVersions({ client: this.client, pageSize: 100 }, { agentRuntimeId: ref.id })) {
      for (const { description, agentRuntimeVersion } of page.agentRuntimes ?? [])
        if (description === deploymentId && agentRuntimeVersion !== undefined) return agentRuntimeVersion;
    }
    return null;
  }

  async removeEndpoint(ref: RuntimeRef, deploymentId: string): Promise<void> {
    const name = endpointName(deploymentId);
    try {
      await this.client.send(
        new DeleteAgentRuntimeEndpointCommand({
          agentRuntimeId: ref.id,
          endpointName: name,
          clientToken: clientToken("remove", [ref.id, name, Date.now()]),
        }),
      );
      await this.endpointSettled(ref, name);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  /** Removes a deployment for good. The newest version stays as long as the runtime: its default endpoint needs one. */
  async removeDeployment(ref: RuntimeRef, deploymentId: string): Promise<void> {
    await this.removeEndpoint(ref, deploymentId);
    const version = await this.versionOf(ref, deploymentId).catch(absent);
    if (version === null) return;
    try {
      await this.client.send(new DeleteAgentRuntimeCommand({ agentRuntimeId: ref.id, agentRuntimeVersion: version }));
    } catch (error) {
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
  }

  /** Removes the runtime with all its endpoints and waits until it is gone. */
  async remove(agent: Agent): Promise<void> {
    this.forget(agent);
    const ref = await this.stable(agent);
    if (ref === null) return;
    this.forget(agent);
    for (const name of await this.qualifiers(ref)) if (name !== "DEFAULT") await this.removeEndpoint(ref, name);
    await this.client.send(new DeleteAgentRuntimeCommand({ agentRuntimeId: ref.id })).catch(absent);
    const status = await this.settled(ref);
    if (status !== null) throw new ProviderError("transient", "AgentCore did not remove the agent's runtime.", { cause: status });
  }

  private async list(): Promise<void> {
    for await (const page of paginateListAgentRuntimes({ client: this.client, pageSize: 100 }, {})) {
      for (const { agentRuntimeName, agentRuntimeId, agentRuntimeArn, status } of page.agentRuntimes ?? []) {
        if (agentRuntimeName === undefined || agentRuntimeId === undefined || agentRuntimeArn === undefined || status === "DELETING")
          continue;
        if (this.known.size >= MAX_KNOWN) this.known.clear();
        this.known.set(agentRuntimeName, { id: agentRuntimeId, arn: agentRuntimeArn });
      }
    }
  }

  /** The runtime once nothing changes it any more; null when there is none. One that could not be created is removed. */
  private async stable(agent: Agent): Promise<RuntimeRef | null> {
    for (let again = true; ; again = false) {
      const ref = await this.find(agent);
      if (ref === null) return null;
      const status = await this.settled(ref);
      if (status === "CREATE_FAILED") {
        await this.client.send(new DeleteAgentRuntimeCommand({ agentRuntimeId: ref.id })).catch(absent);
        await this.settled(ref);
      } else if (status !== null) return ref;
      this.forget(agent);
      if (!again) return null;
    }
  }

  private async failed(ref: RuntimeRef, status: string | null): Promise<never> {
    const details = await this.client.send(new GetAgentRuntimeCommand({ agentRuntimeId: ref.id })).catch(absent);
    throw new ProviderError("invalid", "AgentCore could not make the agent's runtime of its image.", {
      reached: false,
      cause: new Error(`${status}: ${details?.failureReason ?? "no reason given"}`),
    });
  }

  private settled(ref: RuntimeRef): Promise<string | null> {
    return poll(async () => (await this.client.send(new GetAgentRuntimeCommand({ agentRuntimeId: ref.id }))).status);
  }

  private endpointSettled(ref: RuntimeRef, name: string): Promise<string | null> {
    return poll(() => this.readEndpoint(ref, name));
  }

  private async endpointStatus(ref: RuntimeRef, name: string): Promise<string | null> {
    return (await this.readEndpoint(ref, name).catch(absent)) ?? null;
  }

  private async readEndpoint(ref: RuntimeRef, name: string): Promise<string | undefined> {
    return (await this.client.send(new GetAgentRuntimeEndpointCommand({ agentRuntimeId: ref.id, endpointName: name }))).status;
  }

  /** Names of all its endpoints. */
  async qualifiers(ref: RuntimeRef): Promise<string[]> {
    return (await this.endpoints(ref)).map(({ name }) => name);
  }

  private async endpoints(ref: RuntimeRef): Promise<{ name: string; createdAt: number }[]> {
    const found = [];
    try {
      for await (const page of paginateListAgentRuntimeEndpoints({ client: this.client, pageSize: 100 }, { agentRuntimeId: ref.id })) {
        for (const { name, createdAt } of page.runtimeEndpoints ?? [])
          if (name !== undefined) found.push({ name, createdAt: createdAt?.getTime() ?? 0 });
      }
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    return found;
  }

  /** Should that one be wanted again, the first invocation makes it anew from its version. */
  private async removeOldestEndpoint(ref: RuntimeRef, except: string, quota: unknown): Promise<void> {
    const others = (await this.endpoints(ref)).filter(({ name }) => name !== "DEFAULT" && name !== except);
    const [oldest] = others.toSorted((a, b) => a.createdAt - b.createdAt);
    if (oldest === undefined) throw quota;
    await this.removeEndpoint(ref, oldest.name);
  }
}

/** Waits until something is in no state that passes. Null when it is not there. */
async function poll(look: () => Promise<string | undefined>): Promise<string | null> {
  const untilMs = Date.now() + MAX_WAIT_MS;
  for (let waitMs = FIRST_POLL_MS; ; waitMs = Math.min(waitMs * 1.5, LONGEST_POLL_MS)) {
    const status = await look().catch(absent);
    if (status === undefined || status === null) return null;
    if (!status.endsWith("ING")) return status;
    if (Date.now() > untilMs) throw new ProviderError("transient", "AgentCore takes too long.", { reached: false, cause: status });
    await pause(waitMs);
  }
}

function absent(error: unknown): null {
  if (isNotFound(error)) return null;
  throw error;
}

function required(value: string | undefined): string {
  if (value === undefined) throw new ProviderError("transient", "AgentCore gave an incomplete answer.", { reached: false });
  return value;
}
