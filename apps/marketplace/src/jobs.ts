import { deleteExpiredAnswers } from "@whs/platform/idempotency";
import { defineJob, type Job, type Jobs } from "@whs/platform/jobs";
import { z } from "zod";
import { type Dependencies, idempotencyTable } from "./context.ts";
import { deleteUnusedImages } from "./features/images/index.ts";
import { expireInstalls, purgeInstalls } from "./features/installs/index.ts";
import { refreshStats } from "./features/stats/index.ts";

const noData = z.object({}) as z.ZodType<Record<string, never>>;
const byTheClock = (name: string): Job<Record<string, never>> =>
  defineJob({ name, data: noData, retryLimit: 0, retryDelaySeconds: 0, timeoutSeconds: 55, concurrency: 1 });

/** Everything that runs without a request, on whichever process is free. */
export async function startJobs(jobs: Jobs, dependencies: Dependencies): Promise<void> {
  await jobs.schedule(byTheClock("installs.expire"), "* * * * *", () => expireInstalls(dependencies));
  await jobs.schedule(byTheClock("installs.purge"), "13 * * * *", () => purgeInstalls(dependencies));
  await jobs.schedule(byTheClock("stats.refresh"), "*/10 * * * *", () => refreshStats(dependencies));
  await jobs.schedule(byTheClock("images.delete_unused"), "43 * * * *", () => deleteUnusedImages(dependencies));
  await jobs.schedule(byTheClock("idempotency.delete_expired"), "23 * * * *", () =>
    deleteExpiredAnswers(dependencies.db, idempotencyTable),
  );
}
