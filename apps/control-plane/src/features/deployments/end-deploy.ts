import type { DeployOutput } from "@whs/runtimes";
import type { Transaction } from "kysely";
import type { SystemContext } from "../../context.ts";
import type { Schema } from "../../database.ts";
import { type AgentRow, lockAgent, statusAfterFailure, updateAgent } from "../agents/index.ts";
import {
  type DeploymentRow,
  failDeployment,
  finishDeployment,
  listStuckDeployments,
  lockDeployment,
  setDeploymentStatus,
} from "./store.ts";

/** No deploy runs longer than this, its retries included. */
const maxDeployMs = 5 * 60_000;

/** The deployment can serve now; it does serve if asked for and the agent was not disabled meanwhile. */
export async function endWithSuccess(
  context: SystemContext,
  deployment: DeploymentRow,
  { providerRef, container }: DeployOutput,
): Promise<void> {
  await context.writeFor(deployment.user_id)(
    { action: "deployment.deployed", target: deployment.id, metadata: { agentId: deployment.agent_id } },
    async (transaction) => {
      const agent = await lockAgent(transaction, deployment.user_id, deployment.agent_id);
      const current = await lockDeployment(transaction, deployment.agent_id, deployment.id);
      if (current?.status !== "deploying") return;
      const at = context.now();
      await finishDeployment(transaction, deployment.id, { providerRef, container, at });
      if (agent === undefined || agent.status === "disabled") return;
      if (deployment.set_as_active) await pointTo(transaction, agent, deployment.id, at);
      else
        await updateAgent(transaction, agent.id, {
          status: agent.active_deployment_id === null ? deployment.agent_status_before : "active",
          last_deployed_at: at,
        });
    },
  );
  await context.forgetRoute(deployment.agent_id);
}

/** Moves the agent's pointer; the deployment that it leaves becomes `rolled_back`. */
export async function pointTo(
  transaction: Transaction<Schema>,
  agent: AgentRow,
  deploymentId: string,
  deployedAt: Date | null,
): Promise<AgentRow> {
  const before = agent.active_deployment_id;
  if (before !== null && before !== deploymentId) await setDeploymentStatus(transaction, before, "rolled_back");
  const status = agent.status === "disabled" || (agent.status === "deploying" && deployedAt === null) ? agent.status : "active";
  return updateAgent(transaction, agent.id, {
    active_deployment_id: deploymentId,
    status,
    ...(deployedAt === null ? {} : { last_deployed_at: deployedAt }),
  });
}

/** Whatever served before serves on. */
export async function endWithFailure(
  context: SystemContext,
  deployment: Pick<DeploymentRow, "id" | "user_id" | "agent_id">,
  message: string,
): Promise<void> {
  await context.writeFor(deployment.user_id)(
    { action: "deployment.failed", target: deployment.id, metadata: { agentId: deployment.agent_id } },
    async (transaction) => {
      const agent = await lockAgent(transaction, deployment.user_id, deployment.agent_id);
      const current = await lockDeployment(transaction, deployment.agent_id, deployment.id);
      if (current?.status !== "deploying") return;
      await failDeployment(transaction, deployment.id, { message, at: context.now() });
      if (agent?.status === "deploying") await updateAgent(transaction, agent.id, { status: statusAfterFailure(agent) });
    },
  );
  await context.forgetRoute(deployment.agent_id);
}

/** Ends deploys that nothing works on any more, so that no agent stays `deploying` for ever. */
export async function failStuckDeployments(context: SystemContext): Promise<void> {
  const since = new Date(context.now().getTime() - maxDeployMs);
  for (const deployment of await listStuckDeployments(context.db, since)) {
    await endWithFailure(context, deployment, "The deploy did not end in time; deploy again.");
    context.metrics.deployEnded(deployment.runtime_provider, "failed", context.now().getTime() - deployment.created_at.getTime());
  }
}
