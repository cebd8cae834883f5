import { type Logger, serializeError } from "@whs/platform/log";
import type { Transaction } from "kysely";
import { fromKysely, PgBoss, type WipData } from "pg-boss";
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
  /** Aborted when the attempt's time is over, and when the process stops and has waited for it. */
  signal: AbortSignal;
}

export interface Jobs {
  /** Enqueues in the caller's transaction: the job exists if, and only if, the change does. */
  send<Data, Schema>(transaction: Transaction<Schema>, job: Job<Data>, data: Data, options?: { startAfterSeconds?: number }): Promise<void>;
  work<Data>(job: Job<Data>, handler: (data: Data, run: JobRun) => Promise<void>): Promise<void>;
  /** Runs a job by the clock (cron in UTC), on one process at a time. */
  schedule(job: Job<Record<string, never>>, cron: string, handler: (run: JobRun) => Promise<void>): Promise<void>;
  /** Whether this process takes jobs of this kind at the moment: it has begun to, has not been stopped, and reaches the queue. */
  isWorking<Data>(job: Job<Data>): boolean;
  stop(): Promise<void>;
}

export function defineJob<Data>(job: Job<Data>): Job<Data> {
  return job;
}

export interface JobsOptions {
  url: string;
  /** Schema of the queue; the library owns and migrates it. */
  schema: string;
  log: Logger;
  /** How often the clock is looked at, 1 to 45 seconds; a job by the clock starts at most this late. Default 15. */
  clockIntervalSeconds?: number;
}

/** A worker that sends no heartbeat for this long is dead and its job is taken up again. The queue's least is 10 s. */
const heartbeatSeconds = 10;
const monitorIntervalSeconds = 5;
/** New jobs are announced; this is how often workers look for those that become due later: delayed and repeated ones. */
const dueIntervalSeconds = 2;
const defaultClockIntervalSeconds = 15;
/** How long running jobs may go on when the process stops. */
const stopTimeoutMs = 8_000;

/** The queue on the same PostgreSQL. */
export async function openJobs(options: JobsOptions): Promise<Jobs> {
  const { log } = options;
  const boss = await startQueue(options);
  const work: Jobs["work"] = async (job, handler) => {
    await declare(boss, job);
    const polling = { pollingIntervalSeconds: 1, notifyPollingIntervalSeconds: dueIntervalSeconds };
    await boss.work(job.name, { ...polling, includeMetadata: true, batchSize: 1, localConcurrency: job.concurrency }, async (batch) => {
      for (const { data, retryCount, signal } of batch) {
        const run: JobRun = { attempt: retryCount + 1, isLastAttempt: retryCount >= job.retryLimit, signal };
        await attempt(log, job.name, run, async () => handler(job.data.parse(data), run));
      }
    });
  };
  return {
    work,
    async send(transaction, job, data, { startAfterSeconds } = {}) {
      const id = await boss.send(job.name, data as object, {
        db: fromKysely(transaction),
        ...(startAfterSeconds === undefined ? {} : { startAfter: startAfterSeconds }),
      });
      if (id === null) throw new Error(`Job ${job.name} was not accepted`);
    },
    async schedule(job, cron, handler) {
      await work(job, (_data, run) => handler(run));
      await boss.schedule(job.name, cron, {}, { tz: "UTC" });
    },
    isWorking: ({ name }) => boss.getWipData().some((worker) => worker.name === name && isTaking(worker)),
    stop: () => boss.stop({ graceful: true, timeout: stopTimeoutMs, close: true }),
  };
}

/** A worker whose latest look at the queue failed takes nothing until one succeeds. */
function isTaking({ state, lastErrorOn, lastFetchedOn }: WipData): boolean {
  return (state === "created" || state === "active") && (lastErrorOn ?? 0) <= (lastFetchedOn ?? 0);
}

async function startQueue({ url, schema, log, clockIntervalSeconds = defaultClockIntervalSeconds }: JobsOptions): Promise<PgBoss> {
  const boss = new PgBoss({
    connectionString: url,
    schema,
    application_name: "jobs",
    max: 4,
    useListenNotify: true,
    superviseIntervalSeconds: monitorIntervalSeconds,
    monitorIntervalSeconds,
    cronMonitorIntervalSeconds: clockIntervalSeconds,
    cronWorkerIntervalSeconds: 1,
  });
  boss.on("error", (error) => log.error({ err: error }, "The job queue reports an error"));
  await boss.start();
  return boss;
}

async function declare<Data>(boss: PgBoss, job: Job<Data>): Promise<void> {
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
}

/** The queue keeps what a failure says in its tables, so that goes through the log's filter first. */
async function attempt(log: Logger, job: string, run: JobRun, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    const fields = { job, attempt: run.attempt, err: error };
    if (run.isLastAttempt) log.error(fields, "A job failed and is given up");
    else log.warn(fields, "A job failed and is tried again");
    const { type, message } = serializeError(error);
    const kept = new Error(message);
    kept.name = type;
    // Where it was thrown is in the log.
    kept.stack = `${type}: ${message}`;
    throw kept;
  }
}
