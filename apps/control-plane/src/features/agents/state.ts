import type { AgentStatus } from "@whs/api";

/** Which status may follow which; the trigger `agents_guard` says the same. */
const next: Readonly<Record<AgentStatus, readonly AgentStatus[]>> = {
  created: ["deploying", "active", "disabled"],
  active: ["deploying", "disabled"],
  error: ["deploying", "active", "disabled"],
  deploying: ["active", "error", "created", "disabled"],
  disabled: ["active", "created"],
};

export function mayFollow(from: AgentStatus, to: AgentStatus): boolean {
  return next[from].includes(to);
}

/** What an agent is once nothing disables it any more. */
export function statusWhenEnabled(agent: { active_deployment_id: string | null }): "active" | "created" {
  return agent.active_deployment_id === null ? "created" : "active";
}

/** What an agent becomes when its running deploy has failed: an older deployment may still serve. */
export function statusAfterFailure(agent: { active_deployment_id: string | null }): "active" | "error" {
  return agent.active_deployment_id === null ? "error" : "active";
}
