import {
  type DeployInput,
  type DeployOutput,
  type DeploymentRef,
  type DestroyInput,
  type InvokeInput,
  type InvokeOutput,
  type InvokeStreamEvent,
  type ProviderDescription,
  ProviderError,
  type RuntimeProvider,
  type SetSecretsInput,
  type UsageFigures,
} from "../port.ts";
import { AgentImages } from "./agent-image.ts";
import { Call, type CallRecord } from "./call.ts";
import { type Clients, openClients } from "./clients.ts";
import { type Container, Containers } from "./container.ts";
import { estimateAgentcoreCost } from "./cost.ts";
import { describeService } from "./describe.ts";
import { isNotFound, toProviderError } from "./errors.ts";
import { checkDeployment, settingsOf } from "./deploy-settings.ts";
import { endpointName, endpointTags, runtimeSessionId } from "./names.ts";
import type { AgentcoreProviderOptions } from "./options.ts";
import type { InspectAnswer, WrapperLine } from "./protocol.ts";
import { Runtimes, type RuntimeRef } from "./runtimes.ts";
import { ToolUse } from "./tool-use.ts";
import { type SessionLease, WarmSessions } from "./warm-sessions.ts";

export function createAgentcoreProvider(options: AgentcoreProviderOptions): RuntimeProvider {
  return new AgentcoreProvider(options);
}

/** How long a new container may take to load the agent's code. */
const INSPECT_MS = 60_000;
const FORGET_MS = 60_000;
/** How long what goes on after its caller left may hold up the end of the process. */
const CLOSE_MS = 1_500;

class AgentcoreProvider implements RuntimeProvider {
  readonly name = "agentcore";
  readonly driver: string;
  private readonly options: AgentcoreProviderOptions;
  private readonly clients: Clients;
  private readonly runtimes: Runtimes;
  private readonly containers: Containers;
  private readonly images: AgentImages;
  private readonly warm = new WarmSessions();
  private readonly running = new Set<Promise<void>>();

  constructor(options: AgentcoreProviderOptions) {
    this.options = options;
    this.driver = options.driver;
    this.clients = openClients(options);
    this.runtimes = new Runtimes(this.clients.control);
    this.containers = new Containers(this.clients.data);
    this.images = new AgentImages(options.images);
  }

  async deploy(input: DeployInput): Promise<DeployOutput> {
    checkDeployment(input, this.options);
    const values = Object.entries(input.secrets.refs).map(async ([key, ref]) => [key, await this.options.readSecret(ref)] as const);
    const variables = Object.fromEntries(await Promise.all(values));
    try {
      const image = await this.images.publish(input.bundle, input.manifest.sessionful, input.deploymentId);
      const { ref } = await this.makeServable(input, settingsOf(input, variables, image.uri, this.options));
      await this.inspect(ref, input);
      const { id: agentRuntimeId, arn: agentRuntimeArn } = ref;
      const agentcore = { agentRuntimeArn, agentRuntimeId, region: this.options.region, qualifier: endpointName(input.deploymentId) };
      const container = { imageUri: image.uri, imageDigest: image.digest, buildId: image.buildId };
      return { providerRef: { cloudflare: null, agentcore }, container };
    } catch (error) {
      throw toProviderError(error, "to change");
    }
  }

  /** The gateway names the endpoint with each request, so that there is nothing to switch. */
  async activate(): Promise<void> {}
  async deactivate(): Promise<void> {}

  /** A version's variables never change. */
  async setSecrets({ deploymentIds }: SetSecretsInput): Promise<{ redeployRequired: boolean }> {
    return { redeployRequired: deploymentIds.length > 0 };
  }

  /** The trusted side looks the key up when it signs. */
  async setTelemetryKey(): Promise<void> {}

  async destroy({ userId, agentId, deploymentId }: DestroyInput): Promise<void> {
    try {
      if (deploymentId === undefined) return await this.runtimes.remove({ userId, agentId });
      this.warm.forget(deploymentId);
      const ref = await this.runtimes.find({ userId, agentId });
      if (ref !== null) await this.runtimes.removeDeployment(ref, deploymentId);
    } catch (error) {
      throw toProviderError(error, "to change");
    }
  }

  async destroySession({
    userId,
    agentId,
    providerSessionId,
  }: {
    userId: string;
    agentId: string;
    providerSessionId: string;
  }): Promise<void> {
    try {
      const ref = await this.runtimes.find({ userId, agentId });
      if (ref === null) return;
      // Any version's container can do it: what is stored belongs to the session, and without storage there is nothing but containers.
      const container = { arn: ref.arn, qualifier: "DEFAULT", sessionId: runtimeSessionId(agentId, providerSessionId) };
      for (const qualifier of await this.runtimes.qualifiers(ref)) await this.containers.stop({ ...container, qualifier });
      if (!this.options.sessionStorage) return;
      await this.containers.ask(container, { whs: { kind: "forget", sessionId: providerSessionId } }, FORGET_MS);
      await this.containers.stop(container);
    } catch (error) {
      if (isGone(error)) return;
      throw toProviderError(error, "to change");
    }
  }

  async invoke(input: InvokeInput): Promise<InvokeOutput> {
    for await (const event of this.call(input, false)) if (event.type === "result") return event.result;
    throw new ProviderError("runtime", "The agent's container gave no answer.", { retryable: true });
  }

  invokeStream(input: InvokeInput): AsyncIterable<InvokeStreamEvent> {
    return this.call(input, true);
  }

  async healthcheck(): Promise<{ healthy: boolean; detail: string }> {
    try {
      await this.runtimes.ping();
      return { healthy: true, detail: `AgentCore answers (${this.driver}, ${this.options.region}).` };
    } catch (error) {
      return { healthy: false, detail: toProviderError(error, "to change").message };
    }
  }

  estimateCost(usage: UsageFigures): number {
    return estimateAgentcoreCost(usage, this.options.prices);
  }

  describe(): Promise<ProviderDescription> {
    return describeService(this.options);
  }

  async close(): Promise<void> {
    const patience = new Promise((resolve) => setTimeout(resolve, CLOSE_MS).unref());
    await Promise.race([Promise.allSettled(this.running), patience]);
    this.clients.control.destroy();
    this.clients.data.destroy();
  }

  /** A version and its endpoint, unless an earlier try has made them already. */
  private async makeServable(input: DeployInput, settings: Parameters<Runtimes["put"]>[1]): Promise<{ ref: RuntimeRef }> {
    const known = await this.runtimes.find(input);
    if (known !== null && (await this.runtimes.findEndpoint(known, input.deploymentId))) return { ref: known };
    const { ref, version } = await this.runtimes.put(input, settings, `version/${input.deploymentId}`);
    await this.runtimes.putEndpoint(ref, input.deploymentId, version, endpointTags(input, input.version));
    return { ref };
  }

  /** Starts a container once, so that code that cannot be loaded is refused here. A stateless agent's serves the first request. */
  private async inspect(ref: RuntimeRef, input: DeployInput): Promise<void> {
    const { deploymentId, agentId, manifest } = input;
    const lease = manifest.sessionful ? null : this.warm.lease(deploymentId);
    const sessionId = lease?.id ?? runtimeSessionId(agentId, `inspect/${deploymentId}`);
    const container = { arn: ref.arn, qualifier: endpointName(deploymentId), sessionId };
    let refusal: string | null;
    try {
      refusal = refusalOf(await this.containers.ask(container, { whs: { kind: "inspect" } }, INSPECT_MS));
    } catch (error) {
      const { kind } = toProviderError(error, "to change");
      if (kind !== "runtime" && kind !== "timeout") throw error;
      refusal = "The agent's container does not start, or its code does not finish loading.";
    } finally {
      lease?.end("usable");
    }
    if (lease === null || refusal !== null) await this.containers.stop(container);
    if (refusal === null) return;
    this.warm.forget(deploymentId);
    await this.runtimes.removeDeployment(ref, deploymentId);
    throw new ProviderError("invalid", `The agent cannot be loaded: ${refusal}`, { reached: false });
  }

  private async *call(input: InvokeInput, isStream: boolean): AsyncGenerator<InvokeStreamEvent> {
    const { deploymentId, agentId, providerSessionId } = input;
    const arn = await this.arnOf(input);
    const lease: SessionLease =
      providerSessionId === undefined
        ? this.warm.lease(deploymentId)
        : { id: runtimeSessionId(agentId, providerSessionId), end: () => undefined };
    const container: Container = { arn, qualifier: endpointName(deploymentId), sessionId: lease.id };
    const call = new Call(
      input,
      {
        containers: this.containers,
        container,
        tools: input.tools === undefined ? null : new ToolUse(this.clients.data, input.tools, input),
        restore: () => this.restore(input, container),
        lines: (lines) => this.options.log(lines.map((line) => ownedLine(input, line))),
        record: (record) => this.report(input, record),
        done: (outcome) => lease.end(outcome),
      },
      isStream,
    );
    yield* call.events((running) => this.track(running));
  }

  private async arnOf(input: InvokeInput): Promise<string> {
    try {
      const arn = input.providerRef?.agentcore?.agentRuntimeArn ?? (await this.runtimes.find(input))?.arn;
      if (arn !== undefined) return arn;
    } catch (error) {
      const { kind, message, retryable } = toProviderError(error, "to change");
      throw new ProviderError(kind, message, { retryable, reached: false, cause: error });
    }
    throw new ProviderError("not_found", "AgentCore does not know this agent.", { reached: false });
  }

  /** An endpoint that had to give way to younger ones is made again from its version. */
  private async restore(input: InvokeInput, container: Container): Promise<Container | null> {
    try {
      this.runtimes.forget(input);
      const ref = await this.runtimes.find(input);
      if (ref === null) return null;
      const version = await this.runtimes.versionOf(ref, input.deploymentId);
      if (version === null) return null;
      if (!(await this.runtimes.findEndpoint(ref, input.deploymentId)))
        await this.runtimes.putEndpoint(ref, input.deploymentId, version, endpointTags(input, Number(version)));
      return { ...container, arn: ref.arn };
    } catch (error) {
      if (isNotFound(error)) return null;
      const { kind, message, retryable } = toProviderError(error, "to change");
      throw new ProviderError(kind, message, { retryable, reached: false, cause: error });
    }
  }

  private report(input: InvokeInput, { usage, tools, failed }: CallRecord): void {
    const { eventId, userId, agentId, deploymentId, traceId } = input;
    this.options.report({
      eventId,
      userId,
      agentId,
      deploymentId,
      runtimeProvider: "agentcore",
      timestamp: new Date().toISOString(),
      requests: 1,
      llmTokens: usage.tokens,
      tokensEstimated: usage.tokensEstimated,
      computeMs: usage.computeMs,
      toolCalls: usage.toolCalls,
      platformToolCalls: tools.toolCalls,
      codeExecutionSeconds: tools.codeExecutionSeconds,
      browserSessions: tools.browserSessions,
      errors: failed ? 1 : 0,
      errorClass: failed ? "runtime" : null,
      provider: {
        cloudflare: null,
        agentcore: { sessionDurationMs: usage.computeMs, toolInvocations: tools.toolCalls, browserInteractions: tools.browserCalls },
      },
      costUsdEstimated: this.estimateCost({ requests: 1, tokens: usage.tokens, computeMs: usage.computeMs, tools }),
      traceId,
    });
  }

  private track(running: Promise<void>): void {
    this.running.add(running);
    void running.finally(() => this.running.delete(running));
  }
}

function ownedLine({ deploymentId, agentId, traceId }: DeploymentRef & { traceId: string }, line: WrapperLine) {
  const { at, level, message, traced } = line;
  return { deploymentId, agentId, ...(traced ? { traceId } : {}), at: new Date(at).toISOString(), level, message };
}

function refusalOf(answer: unknown): string | null {
  const { whs } = answer as Partial<InspectAnswer>;
  if (whs?.ok === true) return null;
  return typeof whs?.message === "string" ? whs.message : "its container gave an unexpected answer.";
}

function isGone(error: unknown): boolean {
  return isNotFound(error) || (error instanceof ProviderError && error.kind === "not_found");
}
