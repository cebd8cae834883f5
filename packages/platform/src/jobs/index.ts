import type { Logger } from "@whs/platform/log";
import type { Transaction } from "kysely";
import { fromKysely, PgBoss } from "pg-boss";
import type { z } from "zod";

/** A kind of durable work. A process that dies half-way loses nothing: another attempt starts. */
export interface Job<Data> {
  name: string;
  data: z.ZodType<Data>;
  /** Attempts after the first. */
  retryLimit: number;
  /** Delay before the first retry in seconds; it doubles with each. */
  retryDelaySeconds: number;
  /** An attempt that takes longer is given up and counted as failed. */
  timeoutSeconds: number;
  /** How many run at once in one process. */
  concurrency: number;
}

export interface JobRun {
  /** Counting from 1. */
  attempt: number;
  isLastAttempt: boolean;
  /** Aborted when the process stops or the attempt's time is over. */
  signal: AbortSignal;
}

export interface Jobs {
  /** Enqueues in the caller's transaction: the job exists if, and only if, the change does. */
  send<Data, Schema>(transaction: Transaction<Schema>, job: Job<Data>, data: Data, options?: { startAfterSeconds?: number }): Promise<void>;
  work<Data>(job: Job<Data>, handler: (data: Data, run: JobRun) => Promise<void>): Promise<void>;
  /** Runs a job by the clock (cron in UTC), on one process at a time. */
  schedule(job: Job<Record<string, never>>, cron: string, handler: (run: JobRun) => Promise<void>): Promise<void>;
  stop(): Promise<void>;
}

export function defineJob<Data>(job: Job<Data>): Job<Data> {
  return job;
}

/** A worker that sends no heartbeat for this long is dead and its job is taken up again. The queue's least is 10 s. */
const heartbeatSeconds = 10;
const monitorIntervalSeconds = 5;
const stopTimeoutMs = 8_000;

/** The queue on the same PostgreSQL, in a schema of its own that the library owns and migrates. */
export async function openJobs(options: { url: string; schema: string; log: Logger }): Promise<Jobs> {
  const boss = new PgBoss({
    connectionString: options.url,
    schema: options.schema,
    application_name: "jobs",
    max: 4,
    useListenNotify: true,
    superviseIntervalSeconds: monitorIntervalSeconds,
    monitorIntervalSeconds,
  });
  boss.on("error", (error) => options.log.error({ err: error }, "The job queue reports an error"));
  await boss.start();

  const declare = async (job: Job<never>): Promise<void> => {
    const settings = {
      retryLimit: job.retryLimit,
      retryDelay: job.retryDelaySeconds,
      retryBackoff: job.retryDelaySeconds > 0,
      expireInSeconds: job.timeoutSeconds,
      heartbeatSeconds,
      notify: true,
    };
    await boss.createQueue(job.name, settings);
    await boss.updateQueue(job.name, settings);
  };
  const work: Jobs["work"] = async (job, handler) => {
    await declare(job as unknown as Job<never>);
    await boss.work(
      job.name,
      { includeMetadata: true, batchSize: 1, localConcurrency: job.concurrency, pollingIntervalSeconds: 1 },
      async (batch) => {
        for (const { data, retryCount, signal } of batch) {
          await handler(job.data.parse(data), { attempt: retryCount + 1, isLastAttempt: retryCount >= job.retryLimit, signal });
        }
      },
    );
  };
  return {
    work,
    async send(transaction, job, data, sendOptions = {}) {
      const id = await boss.send(job.name, data as object, {
        db: fromKysely(transaction),
        ...(sendOptions.startAfterSeconds === undefined ? {} : { startAfter: sendOptions.startAfterSeconds }),
      });
      if (id === null) throw new Error(`Job ${job.name} was not accepted`);
    },
    async schedule(job, cron, handler) {
      await work(job, (_data, run) => handler(run));
      await boss.schedule(job.name, cron, {}, { tz: "UTC" });
    },
    stop: () => boss.stop({ graceful: true, timeout: stopTimeoutMs, close: true }),
  };
}
