import { createHash } from "node:crypto";
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
  type TelemetryKeyRef,
  type UsageFigures,
} from "../port.ts";
import { CellClient, CellUnreachable } from "./cell-client.ts";
import { type CloudflarePrices, defaultCloudflarePrices, estimateCloudflareCost } from "./cost.ts";
import { Nodes } from "./nodes.ts";
import { describedSchema, ensuredSchema } from "./protocol.ts";
import { StreamCall } from "./stream-call.ts";
import type { SupervisorClient } from "./supervisor-client.ts";

export interface WorkerdProviderOptions {
  /** Unix sockets of the supervisors' control APIs; tenants are placed by these names. */
  supervisors: readonly string[];
  /** Whether the supervisors share one storage directory, so that each can serve every tenant. */
  sharedStorage?: boolean;
  prices?: CloudflarePrices;
}

/** The self-hosted Cloudflare runtime: one sandboxed workerd process a tenant, kept by one of the supervisors. */
export function createWorkerdProvider({ supervisors, sharedStorage = false, prices }: WorkerdProviderOptions): RuntimeProvider {
  return new WorkerdProvider(supervisors, sharedStorage, prices ?? defaultCloudflarePrices);
}

class WorkerdProvider implements RuntimeProvider {
  readonly name = "cloudflare";
  readonly driver = "workerd";
  private readonly nodes: Nodes;
  private readonly prices: CloudflarePrices;
  private readonly cells = new Map<string, Promise<CellClient>>();
  private readonly servedBy = new Map<string, SupervisorClient>();

  constructor(supervisors: readonly string[], sharedStorage: boolean, prices: CloudflarePrices) {
    this.nodes = new Nodes(supervisors, sharedStorage, () => void this.sendHome());
    this.prices = prices;
  }

  async deploy(input: DeployInput): Promise<DeployOutput> {
    const { deploymentId, userId, agentId, version, manifest, bundle, compatibilityDate, compatibilityFlags, secrets, telemetry } = input;
    if (manifest.runtime !== "cloudflare")
      throw new ProviderError("invalid", `The manifest is for ${manifest.runtime}, not for cloudflare.`, { reached: false });
    await this.send(userId, "PUT", `/deployments/${deploymentId}`, {
      userId,
      agentId,
      version,
      sessionful: manifest.sessionful,
      checksum: bundle.checksum,
      compatibilityDate: compatibilityDate ?? manifest.cloudflare?.compatibilityDate,
      compatibilityFlags: compatibilityFlags ?? manifest.cloudflare?.compatibilityFlags,
      mainModule: bundle.mainModule,
      modules: bundle.modules,
      secrets,
      telemetry,
    });
    return { providerRef: { cloudflare: { workerName: workerName(userId, deploymentId), workerUrl: null }, agentcore: null } };
  }

  async activate({ userId, deploymentId }: DeploymentRef): Promise<void> {
    await this.send(userId, "POST", `/deployments/${deploymentId}/activate`, { userId });
  }

  /** Nothing runs for a deployment that receives no requests, so there is nothing to stop. */
  async deactivate(): Promise<void> {}

  async setSecrets({ userId, agentId, deploymentIds, secrets }: SetSecretsInput): Promise<{ redeployRequired: boolean }> {
    await this.send(userId, "PUT", `/agents/${agentId}/secrets`, { userId, deploymentIds, secrets });
    return { redeployRequired: false };
  }

  async setTelemetryKey({ userId, deploymentId, telemetry }: DeploymentRef & { telemetry: TelemetryKeyRef }): Promise<void> {
    await this.send(userId, "PUT", `/deployments/${deploymentId}/telemetry-key`, { userId, telemetry });
  }

  async destroy({ userId, agentId, deploymentId }: DestroyInput): Promise<void> {
    await this.send(userId, "POST", "/destroy", { userId, agentId, deploymentId });
  }

  async destroySession({ userId, agentId, providerSessionId }: DeploymentRef & { providerSessionId: string }): Promise<void> {
    await this.send(userId, "POST", "/sessions/destroy", { userId, agentId, providerSessionId });
  }

  async invoke(input: InvokeInput): Promise<InvokeOutput> {
    const cell = await this.cell(input.userId);
    try {
      return await cell.invoke(input);
    } catch (error) {
      if (!(error instanceof CellUnreachable)) throw error;
    }
    const next = await this.cellInsteadOf(cell, input.userId);
    try {
      return await next.invoke(input);
    } catch (error) {
      throw unreachableAgain(error);
    }
  }

  async *invokeStream(input: InvokeInput): AsyncGenerator<InvokeStreamEvent> {
    const cell = await this.cell(input.userId);
    try {
      return yield* streamFrom(cell, input);
    } catch (error) {
      if (!(error instanceof CellUnreachable)) throw error;
    }
    const next = await this.cellInsteadOf(cell, input.userId);
    try {
      yield* streamFrom(next, input);
    } catch (error) {
      throw unreachableAgain(error);
    }
  }

  healthcheck(): Promise<{ healthy: boolean; detail: string }> {
    return this.nodes.health();
  }

  estimateCost(usage: UsageFigures): number {
    return estimateCloudflareCost(usage, this.prices);
  }

  async describe(): Promise<ProviderDescription> {
    const { workerd, compatibilityDate, isolation, capabilities, version } = await this.nodes.any.client.read(
      describedSchema,
      "GET",
      "/describe",
    );
    return { driver: this.driver, version: workerd, supervisorVersion: version, compatibilityDate, isolation, capabilities };
  }

  async close(): Promise<void> {
    const cells = await Promise.allSettled(this.cells.values());
    this.cells.clear();
    await Promise.all(cells.flatMap((cell) => (cell.status === "fulfilled" ? [cell.value.destroy()] : [])));
    await this.nodes.close();
  }

  /** The tenant's cell, asked for once; the supervisor starts it when needed. */
  private cell(userId: string, unreachable?: CellClient): Promise<CellClient> {
    const known = this.cells.get(userId);
    if (known !== undefined) return known;
    const asked = this.nodes
      .onNodeOf(userId, async (node) => ({
        node,
        ...(await node.read(ensuredSchema, "POST", "/cells/ensure", { userId, unreachable: unreachable?.instance })),
      }))
      .then(({ node, socketPath, instance, connections }) => {
        this.servedBy.set(userId, node);
        return new CellClient(socketPath, instance, connections);
      });
    this.cells.set(userId, asked);
    asked.catch(() => this.forget(userId, asked));
    return asked;
  }

  /** The cell was not there and did nothing: it is started again, for all who wait for it. */
  private async cellInsteadOf(gone: CellClient, userId: string): Promise<CellClient> {
    const known = this.cells.get(userId);
    if (known !== undefined && (await known) === gone) {
      this.forget(userId, known);
      // What still runs on open connections may end.
      void gone.close();
    }
    return this.cell(userId, gone);
  }

  /** A node is back: tenants of its that others served in the meantime are asked for there the next time. */
  private async sendHome(): Promise<void> {
    for (const [userId, asked] of this.cells) {
      const home = await this.nodes.nodeOf(userId).catch(() => null);
      if (home === null || this.servedBy.get(userId) === home.client) continue;
      this.forget(userId, asked);
      // What still runs on open connections may end.
      void asked.then((cell) => cell.close());
    }
  }

  private send(userId: string, method: "PUT" | "POST", path: string, body: unknown): Promise<unknown> {
    return this.nodes.onNodeOf(userId, (node) => node.send(method, path, body));
  }

  private forget(userId: string, asked: Promise<CellClient>): void {
    if (this.cells.get(userId) !== asked) return;
    this.cells.delete(userId);
    this.servedBy.delete(userId);
  }
}

/** Bears a hash of the tenant, so that names of two tenants never meet. */
function workerName(userId: string, deploymentId: string): string {
  return `whs-${createHash("sha256").update(userId).digest("hex").slice(0, 12)}-${deploymentId}`;
}

function streamFrom(cell: CellClient, input: InvokeInput): AsyncGenerator<InvokeStreamEvent> {
  return new StreamCall(input).events((handler) => cell.stream(input, handler));
}

function unreachableAgain(error: unknown): unknown {
  return error instanceof CellUnreachable
    ? new ProviderError("transient", "The agent's process cannot be reached.", { reached: false, cause: error })
    : error;
}
