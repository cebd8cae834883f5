/** Runs one PostgreSQL server for as long as its launcher lives. A process of its own, so that it outlasts a killed launcher. */
import { onShutdown, reportReady } from "@whs/platform/process";
import { rmSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import { clusterUrl, startCluster } from "./cluster.ts";
import { readPostgresConfig } from "./config.ts";

/** When the launcher was killed, the other processes notice at the same time and still need the database to finish. */
const GRACE_FOR_CLIENTS_MS = 5_000;

const config = readPostgresConfig();
const cluster = await startCluster(config).catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
});

let stopping = false;
void cluster.exited.then((code) => {
  if (!stopping) process.exit(code === 0 ? 1 : code);
});

onShutdown(async (reason) => {
  stopping = true;
  if (reason === "launcher gone") {
    cluster.stop("smart");
    await Promise.race([cluster.exited, delay(GRACE_FOR_CLIENTS_MS)]);
  }
  cluster.stop("fast");
  await cluster.exited;
  if (config.throwAway) rmSync(config.directory, { recursive: true, force: true });
});

const client = new pg.Client({ connectionString: clusterUrl(config, "postgres") });
await client.connect();
for (const name of config.databases) {
  const { rowCount } = await client.query("SELECT 1 FROM pg_database WHERE datname = $1", [name]);
  if (rowCount === 0) await client.query(`CREATE DATABASE ${client.escapeIdentifier(name)}`);
}
await client.end();

reportReady({ url: clusterUrl(config, config.databases[0] ?? "postgres") });
