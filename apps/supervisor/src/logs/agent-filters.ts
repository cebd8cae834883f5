import { createTextFilter, redactText } from "@whs/platform/log";
import type { DeploymentRecord } from "../deployments/registry.ts";

/**
 * Filters that know an agent's own secrets, kept from the load until the cell is gone.
 * A line that comes before its filter is there is not possible: an agent writes nothing before it is loaded.
 */
export class AgentFilters {
  private readonly filters = new Map<string, { filter: (text: string) => string; values: Set<string> }>();

  /** Called at a load. Values of earlier revisions stay in the filter: what runs with them still writes. */
  learn(deploymentId: string, values: readonly string[]): void {
    const all = new Set([...values, ...(this.filters.get(deploymentId)?.values ?? [])]);
    this.filters.set(deploymentId, { filter: createTextFilter(all), values: all });
  }

  forgetAll(deployments: readonly DeploymentRecord[]): void {
    for (const { deploymentId } of deployments) this.filters.delete(deploymentId);
  }

  of({ deploymentId }: DeploymentRecord): (text: string) => string {
    return this.filters.get(deploymentId)?.filter ?? redactText;
  }
}
