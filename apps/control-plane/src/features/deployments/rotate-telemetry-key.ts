import { conflict, notFound } from "@whs/platform/errors";
import { defineJob } from "@whs/platform/jobs";
import { z } from "zod";
import type { Context, SystemContext } from "../../context.ts";
import { requireDeployment } from "./list-deployments.ts";
import { canServe } from "./state.ts";
import { findAnyDeployment, lockDeployment, setTelemetryAuthRef } from "./store.ts";

export const pushTelemetryKeyJob = defineJob({
  name: "telemetry.push_key",
  data: z.object({ deploymentId: z.string() }),
  retryLimit: 20,
  retryDelaySeconds: 1,
  timeoutSeconds: 60,
  concurrency: 2,
});

/** Raises the version that the deployment's key is derived from; the key before is accepted until `overlapUntil`. */
export async function rotateTelemetryKey(context: Context, input: { id: string }): Promise<{ keyVersion: number; overlapUntil: string }> {
  const { agent_id: agentId } = await requireDeployment(context, input.id);
  return context.write({ action: "telemetry.key_rotated", target: input.id }, async (transaction) => {
    const deployment = await lockDeployment(transaction, agentId, input.id);
    if (deployment === undefined) throw notFound("Deployment");
    if (!canServe(deployment.status)) throw conflict("Only a deployment that can serve has a telemetry key to rotate.");
    const at = context.now();
    const version = deployment.telemetry_auth_ref.version + 1;
    await setTelemetryAuthRef(transaction, input.id, { ...deployment.telemetry_auth_ref, version, rotatedAt: at.toISOString() });
    await context.jobs.send(transaction, pushTelemetryKeyJob, { deploymentId: input.id });
    return { keyVersion: version, overlapUntil: new Date(at.getTime() + context.config.telemetryOverlapMs).toISOString() };
  });
}

/** Tells the runtime which key it signs with from now on. */
export async function pushTelemetryKey(context: SystemContext, job: { deploymentId: string }): Promise<void> {
  const deployment = await findAnyDeployment(context.db, job.deploymentId);
  if (deployment === undefined) return;
  const { rootKeyId, version: keyVersion } = deployment.telemetry_auth_ref;
  await context.providers[deployment.runtime_provider]?.setTelemetryKey({
    userId: deployment.user_id,
    agentId: deployment.agent_id,
    deploymentId: deployment.id,
    telemetry: { rootKeyId, keyVersion },
  });
}
