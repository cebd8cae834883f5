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
import { describedSchema, ensuredSchema, healthSchema } from "./protocol.ts";
import { StreamCall } from "./stream-call.ts";
import { SupervisorClient } from "./supervisor-client.ts";

export interface WorkerdProviderOptions {
  /** Unix socket of the supervisor's control API. */
  supervisorSocket: string;
  prices?: CloudflarePrices;
}

/** The self-hosted Cloudflare runtime: one sandboxed workerd process a tenant, kept by a supervisor. */
export function createWorkerdProvider(options: WorkerdProviderOptions): RuntimeProvider {
  return new WorkerdProvider(new SupervisorClient(options.supervisorSocket), options.prices ?? defaultCloudflarePrices);
}

class WorkerdProvider implements RuntimeProvider {
  readonly name = "cloudflare";
  readonly driver = "workerd";
  private readonly supervisor: SupervisorClient;
  private readonly prices: CloudflarePrices;
  private readonly cells = new Map<string, Promise<CellClient>>();

  constructor(supervisor: SupervisorClient, prices: CloudflarePrices) {
    this.supervisor = supervisor;
    this.prices = prices;
  }

  async deploy(input: DeployInput): Promise<DeployOutput> {
    const { deploymentId, userId, agentId, version, manifest, bundle, compatibilityDate, compatibilityFlags, secrets, telemetry } = input;
    if (manifest.runtime !== "cloudflare")
      throw new ProviderError("invalid", `The manifest is for ${manifest.runtime}, not for cloudflare.`, { reached: false });
    await this.supervisor.send("PUT", `/deployments/${deploymentId}`, {
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
    await this.supervisor.send("POST", `/deployments/${deploymentId}/activate`, { userId });
  }

  /** Nothing runs for a deployment that receives no requests, so there is nothing to stop. */
  async deactivate(): Promise<void> {}

  async setSecrets({ userId, agentId, deploymentIds, secrets }: SetSecretsInput): Promise<{ redeployRequired: boolean }> {
    await this.supervisor.send("PUT", `/agents/${agentId}/secrets`, { userId, deploymentIds, secrets });
    return { redeployRequired: false };
  }

  async setTelemetryKey({ userId, deploymentId, telemetry }: DeploymentRef & { telemetry: TelemetryKeyRef }): Promise<void> {
    await this.supervisor.send("PUT", `/deployments/${deploymentId}/telemetry-key`, { userId, telemetry });
  }

  async destroy({ userId, agentId, deploymentId }: DestroyInput): Promise<void> {
    await this.supervisor.send("POST", "/destroy", { userId, agentId, deploymentId });
  }

  async destroySession({ userId, agentId, providerSessionId }: DeploymentRef & { providerSessionId: string }): Promise<void> {
    await this.supervisor.send("POST", "/sessions/destroy", { userId, agentId, providerSessionId });
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

  async healthcheck(): Promise<{ healthy: boolean; detail: string }> {
    try {
      return await this.supervisor.read(healthSchema, "GET", "/health");
    } catch (error) {
      if (error instanceof ProviderError) return { healthy: false, detail: error.message };
      throw error;
    }
  }

  estimateCost(usage: UsageFigures): number {
    return estimateCloudflareCost(usage, this.prices);
  }

  async describe(): Promise<ProviderDescription> {
    const { workerd, compatibilityDate, isolation, capabilities, version } = await this.supervisor.read(
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
    await this.supervisor.close();
  }

  /** The tenant's cell, asked for once; the supervisor starts it when needed. */
  private cell(userId: string, unreachable?: CellClient): Promise<CellClient> {
    const known = this.cells.get(userId);
    if (known !== undefined) return known;
    const asked = this.supervisor
      .read(ensuredSchema, "POST", "/cells/ensure", { userId, unreachable: unreachable?.instance })
      .then(({ socketPath, instance }) => new CellClient(socketPath, instance));
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

  private forget(userId: string, asked: Promise<CellClient>): void {
    if (this.cells.get(userId) === asked) this.cells.delete(userId);
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
