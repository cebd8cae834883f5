import { defineJob, type Job } from "@whs/platform/jobs";
import { deleteExpiredAnswers } from "@whs/platform/idempotency";
import { sql } from "kysely";
import { z } from "zod";
import { type Dependencies, systemContext } from "./context.ts";
import { removeAgent, removeAgentJob } from "./features/agents/index.ts";
import { endSubscriptions } from "./features/billing/index.ts";
import { forgetDelegations } from "./features/delegations/index.ts";
import {
  deleteSourceMaps,
  deploy,
  deployJob,
  failStuckDeployments,
  pushTelemetryKey,
  pushTelemetryKeyJob,
} from "./features/deployments/index.ts";
import { acknowledgeInstall, acknowledgeInstallJob, type Marketplace } from "./features/installs/index.ts";
import { deleteExpiredStreams, expireSessions } from "./features/invocations/index.ts";
import { reclaimLostLeases } from "./features/limits/index.ts";
import { deleteExpired } from "./features/retention/index.ts";
import { pushSecretsJob, runPushSecrets, sweepSecrets, sweepSecretsJob } from "./features/secrets/index.ts";
import { countLostInvocations, type TelemetryIngestion } from "./features/telemetry/index.ts";
import { deleteUnusedUploads } from "./features/uploads/index.ts";
import { reconcileUsage } from "./features/usage/index.ts";

const noData = z.object({}) as z.ZodType<Record<string, never>>;
const byTheClock = (name: string): Job<Record<string, never>> =>
  defineJob({ name, data: noData, retryLimit: 0, retryDelaySeconds: 0, timeoutSeconds: 55, concurrency: 1 });

/** Days for which the partitioned tables have their partition ready. */
const partitionDays = 7;

/** Everything that runs without a request, on whichever process is free. */
export async function startJobs(
  dependencies: Dependencies,
  options: { ingestion: TelemetryIngestion; marketplace: Marketplace; newTraceId: () => string },
): Promise<void> {
  const { jobs } = dependencies;
  const as = (actor: string) => systemContext(dependencies, `job:${actor}`, options.newTraceId());
  const ensurePartitions = async (): Promise<void> => {
    await sql`select whs.ensure_partitions((now() at time zone 'utc')::date - 1, ${partitionDays + 1})`.execute(dependencies.db);
  };
  await ensurePartitions();
  await jobs.work(deployJob, (data, run) => deploy(as("deploy"), data, run));
  await jobs.work(removeAgentJob, async (data) => {
    await deleteSourceMaps(dependencies, data.agentId);
    await removeAgent(as("remove_agent"), data);
  });
  await jobs.work(pushSecretsJob, (data) => runPushSecrets(dependencies, data));
  await jobs.work(pushTelemetryKeyJob, (data) => pushTelemetryKey(as("push_telemetry_key"), data));
  await jobs.work(acknowledgeInstallJob, (data) => acknowledgeInstall(dependencies, options.marketplace, data));
  await jobs.schedule(byTheClock("deployments.fail_stuck"), "* * * * *", () => failStuckDeployments(as("fail_stuck")));
  await jobs.schedule(
    byTheClock("telemetry.count_lost"),
    "* * * * *",
    async () => void (await countLostInvocations(options.ingestion, as("count_lost"))),
  );
  await jobs.schedule(
    byTheClock("usage.reconcile"),
    "* * * * *",
    async ({ signal }) => void (await reconcileUsage(as("reconcile"), { signal })),
  );
  await jobs.schedule(byTheClock("limits.reclaim_leases"), "* * * * *", () => reclaimLostLeases(as("reclaim_leases")));
  await jobs.schedule(byTheClock("billing.end_subscriptions"), "* * * * *", () =>
    endSubscriptions(as("end_subscriptions"), dependencies.config.billing.lemonSqueezy !== null),
  );
  await jobs.schedule(byTheClock("sessions.expire"), "*/5 * * * *", () => expireSessions(as("expire_sessions")));
  await jobs.schedule(byTheClock("streams.delete_expired"), "* * * * *", () => deleteExpiredStreams(dependencies.db));
  await jobs.schedule(byTheClock("uploads.delete_unused"), "17 * * * *", () => deleteUnusedUploads(as("delete_uploads")));
  await jobs.schedule(byTheClock("idempotency.delete_expired"), "27 * * * *", () =>
    deleteExpiredAnswers(dependencies.db, "whs.idempotency_keys"),
  );
  await jobs.schedule(byTheClock("delegations.forget"), "32 * * * *", () => forgetDelegations(dependencies.db));
  await jobs.schedule(byTheClock("retention.delete_expired"), "37 * * * *", async () => void (await deleteExpired(as("delete_expired"))));
  await jobs.schedule(sweepSecretsJob, "47 3 * * *", async () => void (await sweepSecrets(dependencies)));
  await jobs.schedule(byTheClock("partitions.ensure"), "7 * * * *", ensurePartitions);
}
