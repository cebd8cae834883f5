import type { LoadCode, LoadTicket } from "@whs/runtimes/cell";
import { SHIM_MODULE } from "@whs/runtimes/cell";
import { ProviderError } from "@whs/runtimes";
import type { SecretStore } from "@whs/platform/secrets";
import type { AgentFilters } from "../logs/agent-filters.ts";
import type { DeploymentRecord, DeploymentRegistry } from "./registry.ts";

/** Failures wait for the deploy that caused them; those of later loads have nobody to ask for them. */
const MAX_FAILURES = 100;

/** Hands cells what they load: code from the disk, secrets straight from the store. Keeps neither; only the filter for the agent's log lines learns the values. */
export class Loads {
  private readonly registry: DeploymentRegistry;
  private readonly secrets: Pick<SecretStore, "get">;
  private readonly filters: AgentFilters;
  /** A failed load is cached under its id by workerd, so each further try has another id. */
  private readonly attempts = new Map<string, number>();
  private readonly failures = new Map<string, unknown>();

  constructor(registry: DeploymentRegistry, secrets: Pick<SecretStore, "get">, filters: AgentFilters) {
    this.registry = registry;
    this.secrets = secrets;
    this.filters = filters;
  }

  /** @throws ProviderError `not_found` for a deployment that is not this tenant's. */
  ticket(userId: string, deploymentId: string, failed?: string): LoadTicket {
    const record = this.own(userId, deploymentId);
    if (failed !== undefined && failed === this.loadId(record)) this.nextAttempt(deploymentId);
    return { loadId: this.loadId(record), agentId: record.agentId, sessionful: record.sessionful };
  }

  nextAttempt(deploymentId: string): void {
    this.attempts.set(deploymentId, (this.attempts.get(deploymentId) ?? 0) + 1);
  }

  /** @throws ProviderError `not_found`, also for a load that was replaced since its ticket was given. */
  async code(userId: string, loadId: string): Promise<LoadCode> {
    const record = this.own(userId, loadId.slice(0, loadId.indexOf(":")));
    if (this.loadId(record) !== loadId) throw new ProviderError("not_found", "There is no such load any more.");
    try {
      const [modules, secrets] = await Promise.all([this.registry.modules(record.deploymentId), this.secretValues(record)]);
      this.filters.learn(record.deploymentId, Object.values(secrets));
      const { compatibilityDate, compatibilityFlags } = record;
      return { compatibilityDate, compatibilityFlags, mainModule: SHIM_MODULE, modules, secrets };
    } catch (error) {
      if (this.failures.size >= MAX_FAILURES) this.failures.clear();
      this.failures.set(loadId, error);
      throw error;
    }
  }

  /** Why a load could not be served, if it is our fault and not the author's. */
  takeFailure(loadId: string): unknown {
    const failure = this.failures.get(loadId);
    this.failures.delete(loadId);
    return failure;
  }

  /** Values by name; one that was deleted since is simply not there. */
  private async secretValues(record: DeploymentRecord): Promise<Record<string, string>> {
    const entries = await Promise.all(
      Object.entries(record.secrets.refs).map(async ([key, ref]) => [key, await this.secrets.get(ref)] as const),
    );
    return Object.fromEntries(entries.filter((entry): entry is [string, string] => entry[1] !== undefined));
  }

  private own(userId: string, deploymentId: string): DeploymentRecord {
    const record = this.registry.get(deploymentId);
    if (record === undefined || record.userId !== userId) throw new ProviderError("not_found", "There is no such deployment.");
    return record;
  }

  private loadId({ deploymentId, secrets }: DeploymentRecord): string {
    return `${deploymentId}:${secrets.revision}:${this.attempts.get(deploymentId) ?? 0}`;
  }
}
