import type { DeploymentStatus } from "@whs/api";

/** Which status may follow which; the trigger `deployments_guard` says the same. */
const next: Readonly<Record<DeploymentStatus, readonly DeploymentStatus[]>> = {
  deploying: ["active", "failed"],
  active: ["rolled_back"],
  rolled_back: ["active"],
  failed: [],
};

export function mayFollow(from: DeploymentStatus, to: DeploymentStatus): boolean {
  return next[from].includes(to);
}

/** Whether traffic can be routed to a deployment of this status. */
export function canServe(status: DeploymentStatus): boolean {
  return status === "active" || status === "rolled_back";
}
