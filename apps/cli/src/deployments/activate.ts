import { activateDeployment, type Agent, type Deployment } from "@whs/api";
import type { Context } from "../context.ts";

/** Routes the agent to the deployment and tells it. */
export async function activate({ api, output }: Context, agent: Agent, deployment: Deployment, reason: string | undefined): Promise<void> {
  const answer = await api.call(activateDeployment, {
    id: agent.id,
    deploymentId: deployment.id,
    body: reason === undefined ? {} : { reason },
  });
  output.answer(answer, () => `${answer.agent.name} now serves version ${answer.deployment.version}.`);
}
