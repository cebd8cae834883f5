import { conflict, notFound } from "@whs/platform/errors";
import { defineJob } from "@whs/platform/jobs";
import { z } from "zod";
import type { Context, SystemContext } from "../../context.ts";
import { deleteBelongings, lockAgent, secretRefsOf, updateAgent } from "./store.ts";

export const removeAgentJob = defineJob({
  name: "agent.remove",
  data: z.object({ userId: z.string(), agentId: z.string(), runtimeProvider: z.enum(["cloudflare", "agentcore"]) }),
  retryLimit: 20,
  retryDelaySeconds: 2,
  timeoutSeconds: 120,
  concurrency: 2,
});

/** Leaves a tombstone and removes what providers and the secret store hold by a job that is retried. */
export async function deleteAgent(context: Context, input: { id: string }): Promise<void> {
  await context.write({ action: "agent.deleted", target: input.id }, async (transaction) => {
    const agent = await lockAgent(transaction, context.user.id, input.id);
    if (agent === undefined) throw notFound("Agent");
    if (agent.status === "deploying") throw conflict("The agent is deploying; delete it when that has ended.", { retryable: true });
    await updateAgent(transaction, input.id, { deleted_at: context.now() });
    await context.jobs.send(transaction, removeAgentJob, {
      userId: context.user.id,
      agentId: input.id,
      runtimeProvider: agent.runtime_provider,
    });
  });
  await context.forgetRoute(input.id);
}

export async function removeAgent(
  context: SystemContext,
  job: { userId: string; agentId: string; runtimeProvider: "cloudflare" | "agentcore" },
): Promise<void> {
  await context.providers[job.runtimeProvider]?.destroy({ userId: job.userId, agentId: job.agentId });
  for (const { store_ref } of await secretRefsOf(context.db, job.agentId)) await context.secrets.delete(store_ref);
  await context.writeFor(job.userId)({ action: "agent.removed", target: job.agentId }, (transaction) =>
    deleteBelongings(transaction, job.agentId),
  );
}
