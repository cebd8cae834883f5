import { getMe } from "@whs/api";
import { openSecretStore } from "@whs/platform/secrets";
import { execFile } from "node:child_process";
import path from "node:path";
import { promisify } from "node:util";
import pg from "pg";
import { median, publish, round } from "./figures.ts";
import { deployAgent, newAgent, startSubject, type Subject } from "./subject.ts";

export interface TelemetryPlan {
  url: string;
  /** Hexadecimal. */
  rootKey: string;
  reporters: { userId: string; agentId: string; deploymentId: string }[];
  batches: number;
  eventsPerBatch: number;
  connections: number;
}
export interface TelemetryResult {
  sent: number;
  accepted: number;
  seconds: number;
}
export interface InsertPlan {
  url: string;
  table: string;
  connections: number;
  seconds: number;
}

const rounds = 3;
const eventsPerBatch = 1000;
const batches = 80;
const connections = 4;
const insertSeconds = 4;
const copyRows = 2_000;
const copies = 40;

/**
 * Signed events over HTTP until they are acknowledged, which is after their commit, against inserting single rows into a
 * table like theirs, and against COPY from a file of the server as the limit; all on the same server with fsync on.
 */
export async function benchTelemetry(): Promise<void> {
  const subject = await startSubject();
  const database = new pg.Client({ connectionString: subject.stack.endpoints.postgres ?? "" });
  try {
    await database.connect();
    const plan = await prepare(subject);
    const file = await prepareTables(database);
    const rates = { ingestion: [] as number[], one: [] as number[], eight: [] as number[], copy: [] as number[] };
    for (let turn = 0; turn < rounds; turn++) {
      rates.ingestion.push(await ingest(plan));
      rates.one.push(await insertRows(subject.stack.endpoints.postgres ?? "", 1));
      rates.eight.push(await insertRows(subject.stack.endpoints.postgres ?? "", 8));
      rates.copy.push(await copyIn(database, file));
    }
    const counted = await database.query<{ events: number; counted: number }>(
      "select (select count(*) from whs.metrics_events)::float8 as events, (select sum(requests) from whs.usage_counters)::float8 as counted",
    );
    const [check] = counted.rows;
    if (check === undefined || check.events !== check.counted) throw new Error(`${check?.counted} were counted of ${check?.events} events`);
    const [ingestion, one, eight, copy] = [median(rates.ingestion), median(rates.one), median(rates.eight), median(rates.copy)];
    await publish({
      benchmark: "telemetry",
      rows: [
        {
          "ingested/s": round(ingestion, 0),
          "inserts/s, 1 connection": round(one, 0),
          "inserts/s, 8 connections": round(eight, 0),
          "copied/s": round(copy, 0),
          "to inserts": round(ingestion / one, 2),
          "to inserts, 8": round(ingestion / eight, 2),
          "to copy": round(ingestion / copy, 2),
          events: check.events,
        },
      ],
    });
  } finally {
    await database.end();
    await subject.stop();
  }
}

async function prepare({ stack, person }: Subject): Promise<TelemetryPlan> {
  const { user } = await person.client.call(getMe, {});
  const reporters: TelemetryPlan["reporters"] = [];
  for (let number = 0; number < 4; number++) {
    const agentId = await newAgent(person.client, `bench-telemetry-${number}`);
    const { id: deploymentId } = await deployAgent(person.client, agentId, `export default { invoke: () => "ok" };`);
    reporters.push({ userId: user.id, agentId, deploymentId });
  }
  const secrets = await openSecretStore({
    url: "local:",
    dataDir: stack.dataDir,
    masterKeyFile: path.join(stack.dataDir, "master.key"),
    allowHttp: false,
    log: { warn: () => undefined },
  });
  const rootKey = await secrets.getByPath("system/telemetry-root/1");
  await secrets.close();
  if (rootKey === undefined) throw new Error("There is no telemetry root key");
  return { url: stack.endpoints.whs ?? "", rootKey, reporters, batches, eventsPerBatch, connections };
}

/** Tables like a day's events, with all their indexes. @returns a file in the server's own directory to copy from. */
async function prepareTables(database: pg.Client): Promise<string> {
  await database.query("create schema bench");
  for (const table of ["inserted", "copied"])
    await database.query(`create table bench.${table} (like whs.metrics_events_default including all)`);
  const { rows } = await database.query<{ data_directory: string }>("show data_directory");
  return database.escapeLiteral(path.join(rows[0]?.data_directory ?? "", "bench-events.copy"));
}

async function runClient<Result>(file: string, plan: unknown): Promise<Result> {
  const { stdout } = await promisify(execFile)(process.execPath, [path.join(import.meta.dirname, file), JSON.stringify(plan)]);
  return JSON.parse(stdout) as Result;
}

async function ingest(plan: TelemetryPlan): Promise<number> {
  const { sent, accepted, seconds } = await runClient<TelemetryResult>("telemetry-client.ts", plan);
  if (accepted !== sent) throw new Error(`Of ${sent} events ${accepted} were accepted`);
  return accepted / seconds;
}

/** pgbench has one connection unless it is told otherwise; eight get the most out of two cores. */
async function insertRows(url: string, clients: 1 | 8): Promise<number> {
  const plan: InsertPlan = { url, table: "bench.inserted", connections: clients, seconds: insertSeconds };
  const { inserted, seconds } = await runClient<{ inserted: number; seconds: number }>("insert-client.ts", plan);
  return inserted / seconds;
}

/** As many rows at once as a group of events has at the most, each time others; making the file does not count. */
async function copyIn(database: pg.Client, file: string): Promise<number> {
  let milliseconds = 0;
  for (let number = 0; number < copies; number++) {
    await database.query(`copy (select current_date, 'evt_' || lpad(to_hex(n), 6, '0') || right(md5(random()::text), 20), 'usr_01k00000000000000000000000', 'agt_01k0000000000000000000000' || n % 4,
      'dep_01k0000000000000000000000' || n % 4, 'cloudflare', 'trc_' || right(md5(random()::text), 26), clock_timestamp(), 1, n % 900, false, n % 70, 0, 0, 0, 0, 0, null,
      '{"cloudflare":{"durableObjectOps":1,"workersAICalls":0},"agentcore":null}', 0.000001, clock_timestamp(), false from generate_series(1, ${copyRows}) as n) to ${file}`);
    const startedAt = performance.now();
    await database.query(`copy bench.copied from ${file}`);
    milliseconds += performance.now() - startedAt;
  }
  return (copies * copyRows) / (milliseconds / 1000);
}
