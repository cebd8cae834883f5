import type { Agent } from "@whs/api";
import { time } from "../terminal/format.ts";
import { printable, type Style } from "../terminal/style.ts";
import { pairs } from "../terminal/table.ts";

export function describeAgent(agent: Agent, style: Style): string {
  return pairs(
    [
      ["name", style.bold(agent.name)],
      ["id", agent.id],
      ["status", colorStatus(agent.status, style)],
      ["runtime", agent.runtimeProvider],
      ["description", printable(agent.description ?? "–")],
      ["framework", printable(agent.framework ?? "–")],
      ["secrets declared", agent.envVarKeys.join(", ") || "–"],
      ["sharing", agent.sharing],
      ["serving", agent.activeDeploymentId ?? "nothing yet"],
      ["created", time(agent.createdAt)],
      ["last deployed", time(agent.lastDeployedAt)],
    ],
    style,
  );
}

/** Of agents and deployments. */
export function colorStatus(status: string, style: Style): string {
  if (status === "active") return style.green(status);
  if (status === "error" || status === "failed") return style.red(status);
  return status === "deploying" ? style.yellow(status) : style.dim(status);
}
