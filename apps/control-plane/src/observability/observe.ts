import type { TelemetryEvent } from "@whs/api";
import type { Bind } from "@whs/platform/http";
import { toAppError } from "@whs/platform/http";
import type { Jobs } from "@whs/platform/jobs";
import type { TelemetryIngestion } from "../features/telemetry/index.ts";
import type { Metrics } from "./metrics.ts";

/** The same endpoints, whose refusals are counted. */
export function observeRefusals<C>(bind: Bind<C>, metrics: Metrics): Bind<C> {
  return (endpoint, handler, options) =>
    bind(
      endpoint,
      async (context, input) => {
        try {
          return await handler(context, input);
        } catch (error) {
          metrics.refused(error);
          throw error;
        }
      },
      options,
    );
}

/** The same queue, whose work is measured. */
export function observeJobs(jobs: Jobs, metrics: Metrics): Jobs {
  return {
    send: (transaction, job, data, options) => jobs.send(transaction, job, data, options),
    work: (job, handler) => jobs.work(job, metrics.job(job.name, handler)),
    schedule: (job, cron, handler) => jobs.schedule(job, cron, metrics.job(job.name, handler)),
    isWorking: (job) => jobs.isWorking(job),
    stop: () => jobs.stop(),
  };
}

/** The same ingestion, whose results are counted. */
export function observeIngestion(ingestion: TelemetryIngestion, metrics: Metrics): TelemetryIngestion {
  return {
    async ingest(context, report) {
      try {
        const result = await ingestion.ingest(context, report);
        metrics.telemetryTaken(result.duplicate ? "duplicate" : "accepted");
        return result;
      } catch (error) {
        metrics.telemetryRejected(toAppError(error).code);
        throw error;
      }
    },
    async count(event: TelemetryEvent & { eventId: string }) {
      const result = await ingestion.count(event);
      if (!result.duplicate) metrics.countedByFallback();
      return result;
    },
    flush: () => ingestion.flush(),
  };
}
