import type { Agent, Deployment } from "@whs/api";
import { conflict, notFound } from "@whs/platform/errors";
import type { Context } from "../../context.ts";
import { lockAgent, requireRuntime, requireTools, toAgent } from "../agents/index.ts";
import { pointTo } from "./end-deploy.ts";
import { toDeployment } from "./present.ts";
import { canServe } from "./state.ts";
import { lockDeployment, setDeploymentStatus } from "./store.ts";

/** Rolls back or forward: from the next request on, on every node, this deployment serves. */
export async function activateDeployment(
  context: Context,
  input: { agentId: string; deploymentId: string; reason?: string | undefined },
): Promise<{ agent: Agent; deployment: Deployment }> {
  const event = {
    action: "deployment.activated",
    target: input.deploymentId,
    metadata: { agentId: input.agentId, ...(input.reason === undefined ? {} : { reason: input.reason }) },
  };
  const answer = await context.write(event, async (transaction) => {
    const agent = await lockAgent(transaction, context.user.id, input.agentId);
    if (agent === undefined) throw notFound("Agent");
    const deployment = await lockDeployment(transaction, input.agentId, input.deploymentId);
    if (deployment === undefined) throw notFound("Deployment");
    if (!canServe(deployment.status))
      throw conflict(deployment.status === "failed" ? "A failed deployment cannot be activated." : "The deployment is still deploying.");
    requireRuntime(context, deployment.runtime_provider);
    if (deployment.manifest !== null) requireTools(context, deployment.manifest);
    const row = deployment.status === "rolled_back" ? await setDeploymentStatus(transaction, deployment.id, "active") : deployment;
    return { agent: toAgent(await pointTo(transaction, agent, deployment.id, null)), deployment: toDeployment(row) };
  });
  await context.forgetRoute(input.agentId);
  return answer;
}
