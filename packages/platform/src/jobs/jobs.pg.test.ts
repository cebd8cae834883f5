import { openDatabase, type Database } from "@whs/platform/db";
import { createLogger, registerSecretValue } from "@whs/platform/log";
import { createTestDatabase, type TestDatabase } from "@whs/platform/testing";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { defineJob, type Job, type Jobs, openJobs } from "./index.ts";

type Schema = Record<string, never>;
const logLines: string[] = [];
const log = createLogger({ name: "test", level: "trace", destination: { write: (line) => logLines.push(line) } });
let testDatabase: TestDatabase;
let database: Database<Schema>;
let jobs: Jobs;

beforeAll(async () => {
  testDatabase = await createTestDatabase();
  database = openDatabase<Schema>({ url: testDatabase.url, applicationName: "test", log });
  jobs = await openJobs({ url: testDatabase.url, schema: "jobs", log, clockIntervalSeconds: 1 });
});
afterAll(async () => {
  await jobs.stop();
  await database.close();
  await testDatabase.drop();
});

let kinds = 0;
let kind: string;
beforeEach(() => {
  kinds += 1;
  kind = `kind_${kinds}`;
});
const dataSchema = z.object({ n: z.number() });
type Data = z.output<typeof dataSchema>;
const define = (settings: Partial<Job<Data>> = {}): Job<Data> =>
  defineJob({ name: kind, data: dataSchema, retryLimit: 2, retryDelaySeconds: 0, timeoutSeconds: 60, concurrency: 1, ...settings });
const send = (job: Job<Data>, n: number): Promise<void> =>
  database.kysely.transaction().execute((transaction) => jobs.send(transaction, job, { n }));

async function stored(): Promise<{ state: string; output: unknown; startsInSeconds: number }[]> {
  const { rows } = await database.pool.query<{ state: string; output: unknown; startsInSeconds: number }>(
    `select state, output, extract(epoch from start_after - now())::float8 as "startsInSeconds" from jobs.job where name = $1 order by created_on`,
    [kind],
  );
  return rows;
}
const states = async (): Promise<string[]> => (await stored()).map(({ state }) => state);

test("a job runs if the transaction that sent it commits, and never if it does not", async () => {
  const job = define();
  const runs: number[] = [];
  await jobs.work(job, async ({ n }) => void runs.push(n));
  const undone = database.kysely.transaction().execute(async (transaction) => {
    await jobs.send(transaction, job, { n: 1 });
    throw new Error("undone");
  });
  await expect(undone).rejects.toThrow("undone");
  await send(job, 2);
  await expect.poll(states).toEqual(["completed"]);
  expect(runs).toEqual([2]);
});

test("a job is not seen before its transaction commits", async () => {
  const job = define();
  const runs: number[] = [];
  await jobs.work(job, async ({ n }) => void runs.push(n));
  await database.kysely.transaction().execute(async (transaction) => {
    await jobs.send(transaction, job, { n: 1 });
    const other = define({ name: `${kind}_other` });
    await jobs.work(other, async ({ n }) => void runs.push(n));
    await send(other, 2);
    await expect.poll(() => runs).toEqual([2]);
  });
  await expect.poll(() => runs).toEqual([2, 1]);
});

test("a job that fails is tried again and knows which attempt it is", async () => {
  const job = define();
  const attempts: unknown[] = [];
  await jobs.work(job, async (_data, { attempt, isLastAttempt }) => {
    attempts.push([attempt, isLastAttempt]);
    if (attempt < 3) throw new Error("not yet");
  });
  await send(job, 1);
  await expect.poll(states).toEqual(["completed"]);
  expect(attempts).toEqual([
    [1, false],
    [2, false],
    [3, true],
  ]);
});

test("a job that fails at its last attempt is given up; what it said is logged and kept without secrets", async () => {
  const secret = "correct-horse-battery-staple";
  registerSecretValue(secret);
  const job = define({ retryLimit: 0 });
  await jobs.work(job, () => Promise.reject(new TypeError(`cannot push ${secret} to Bearer abcdefghijklmnop`)));
  await send(job, 1);
  await expect.poll(states).toEqual(["failed"]);
  const [row] = await stored();
  expect(row?.output).toMatchObject({ name: "TypeError", message: expect.stringMatching(/^cannot push .* to Bearer /) });
  expect(JSON.stringify(row)).not.toMatch(/horse|abcdefghij/);
  const line = logLines.find((text) => text.includes(kind)) ?? "";
  expect(JSON.parse(line)).toMatchObject({
    level: "error",
    job: kind,
    attempt: 1,
    msg: "A job failed and is given up",
    err: { stack: expect.stringContaining("jobs.pg.test.ts") },
  });
  expect(line).not.toContain("horse");
});

test("data of another form fails the job before its handler sees it", async () => {
  const job = define({ retryLimit: 0 });
  let ran = false;
  await jobs.work(job, async () => void (ran = true));
  await send(job, "text" as unknown as number);
  await expect.poll(states).toEqual(["failed"]);
  expect(ran).toBe(false);
});

test("an attempt that takes too long is told to stop and tried again", async () => {
  const job = define({ timeoutSeconds: 1, retryLimit: 1 });
  const attempts: number[] = [];
  let aborted = false;
  await jobs.work(job, async (_data, { attempt, signal }) => {
    attempts.push(attempt);
    if (attempt === 1) await new Promise((resolve) => signal.addEventListener("abort", resolve));
    aborted ||= attempt === 1;
  });
  await send(job, 1);
  await expect.poll(states).toEqual(["completed"]);
  expect([attempts, aborted]).toEqual([[1, 2], true]);
});

test("no more jobs of a kind run at once than it allows", async () => {
  const job = define({ concurrency: 2 });
  let running = 0;
  let most = 0;
  const releases: (() => void)[] = [];
  await jobs.work(job, async () => {
    most = Math.max(most, (running += 1));
    await new Promise<void>((resolve) => releases.push(resolve));
    running -= 1;
  });
  for (let n = 0; n < 4; n++) await send(job, n);
  for (const left of [4, 3, 2, 1]) {
    await expect.poll(() => releases.length).toBe(Math.min(left, 2));
    releases.shift()?.();
  }
  await expect.poll(states).toEqual(["completed", "completed", "completed", "completed"]);
  expect(most).toBe(2);
});

test("a job can be sent for later", async () => {
  const job = define();
  await jobs.work(job, () => Promise.reject(new Error("too early")));
  await database.kysely.transaction().execute((transaction) => jobs.send(transaction, job, { n: 1 }, { startAfterSeconds: 3600 }));
  const [row] = await stored();
  expect(row?.state).toBe("created");
  expect(row?.startsInSeconds).toBeGreaterThan(3500);
});

test("a job by the clock runs, once for a time, however many processes know of it", async () => {
  const other = await openJobs({ url: testDatabase.url, schema: "jobs", log, clockIntervalSeconds: 1 });
  onTestFinished(() => other.stop());
  const noData = z.object({}) as z.ZodType<Record<string, never>>;
  const tick = defineJob({ name: kind, data: noData, retryLimit: 0, retryDelaySeconds: 0, timeoutSeconds: 10, concurrency: 1 });
  const minutes: number[] = [];
  const handler = async (): Promise<void> => void minutes.push(Math.floor(Date.now() / 60_000));
  await jobs.schedule(tick, "* * * * *", handler);
  await other.schedule(tick, "* * * * *", handler);
  await expect.poll(() => minutes.length).toBeGreaterThan(0);
  // Each process has looked at the clock again since.
  const looked = async (): Promise<number> =>
    (await database.pool.query<{ count: number }>("select extract(epoch from cron_on)::float8 as count from jobs.version")).rows[0]
      ?.count ?? 0;
  const before = await looked();
  await expect.poll(async () => (await looked()) - before).toBeGreaterThan(2);
  // The minute may have changed meanwhile, and then the next one is due as well.
  expect(minutes.length).toBeLessThanOrEqual(2);
});

test("a process says whether it takes jobs of a kind: not before it works, not when it has stopped", async () => {
  const job = define();
  const others = await openJobs({ url: testDatabase.url, schema: "jobs", log });
  expect(others.isWorking(job)).toBe(false);
  await others.work(job, async () => undefined);
  expect(others.isWorking(job)).toBe(true);
  expect(jobs.isWorking(job)).toBe(false);
  await others.stop();
  expect(others.isWorking(job)).toBe(false);
});

test("stopping waits for what runs", async () => {
  const stopping = await openJobs({ url: testDatabase.url, schema: "jobs", log });
  const job = define();
  const held = Promise.withResolvers<void>();
  await stopping.work(job, () => held.promise);
  await send(job, 1);
  await expect.poll(states).toEqual(["active"]);
  let stopped = false;
  const stop = stopping.stop().then(() => (stopped = true));
  await new Promise((resolve) => setImmediate(resolve));
  expect(stopped).toBe(false);
  held.resolve();
  await stop;
  expect(await states()).toEqual(["completed"]);
});

test("the job of a worker that is killed is taken up by another within 30 seconds", { timeout: 60_000 }, async () => {
  const job = define({ retryLimit: 2 });
  const code = `
    import { openJobs } from ${JSON.stringify(new URL("./index.ts", import.meta.url).href)};
    import { createLogger } from ${JSON.stringify(new URL("../log/index.ts", import.meta.url).href)};
    const jobs = await openJobs({ url: ${JSON.stringify(testDatabase.url)}, schema: "jobs", log: createLogger({ name: "child", level: "silent" }) });
    const data = { parse: (value) => value };
    await jobs.work({ ...${JSON.stringify(job)}, data }, () => new Promise(() => process.stdout.write("working")));
    process.stdout.write("ready");`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", code], { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  await expect.poll(() => output).toBe("ready");
  await send(job, 1);
  await expect.poll(() => output).toBe("readyworking");
  const exit = once(child, "exit");
  child.kill("SIGKILL");
  await exit;
  const attempts: number[] = [];
  await jobs.work(job, async (_data, { attempt }) => void attempts.push(attempt));
  await expect.poll(states, { timeout: 30_000 }).toEqual(["completed"]);
  expect(attempts).toEqual([2]);
});
