/**
 * Databases for tests. The whole run shares one PostgreSQL server; every test file gets a database of its own, copied
 * in some 30 ms from a template that is migrated once per run.
 */
import { createHash, randomBytes } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import pg from "pg";
import { inject } from "vitest";

export { startIssuer, type TestIssuer } from "./issuer.ts";
export { ControlPlanePeer } from "./control-plane-peer.ts";
export { DnsServer } from "./dns-server.ts";
export { type Answer, bearer, type Request, requester } from "./http-user.ts";
export { describeTables, ExplainedQueries, verifyRowTypes } from "./schema.ts";
export { type ServerProcess, startServer } from "./server-process.ts";
export { type RedisServer, startRedisServer } from "./redis-server.ts";

declare module "vitest" {
  export interface ProvidedContext {
    /** Superuser's connection URL of the run's server. Set for `*.pg.test.ts`. */
    postgresUrl: string;
  }
}

export interface TestDatabaseOptions {
  /** Folders with migrations: the template is built once for each distinct content. */
  migrations?: readonly string[];
  /** Brings the empty template to the state that tests start from. */
  prepare?: (connectionString: string) => Promise<unknown>;
}

export interface TestDatabase {
  url: string;
  /** Disconnects whoever is still connected. */
  drop(): Promise<void>;
}

/** A database of its own for the caller, with everything that `prepare` made. */
export async function createTestDatabase(options: TestDatabaseOptions = {}): Promise<TestDatabase> {
  const serverUrl = inject("postgresUrl");
  const name = `test_${randomBytes(8).toString("hex")}`;
  const template = options.prepare === undefined ? "template0" : await ensureTemplate(serverUrl, options.migrations ?? [], options.prepare);
  await query(serverUrl, `CREATE DATABASE ${name} TEMPLATE ${template}`);
  return {
    url: databaseUrl(serverUrl, name),
    drop: () => dropDatabase(serverUrl, name),
  };
}

/** How long connections that are being closed get, before they are cut, which their clients would report as an error. */
const leavingMs = 2_000;

async function dropDatabase(serverUrl: string, name: string): Promise<void> {
  const client = new pg.Client({ connectionString: serverUrl });
  await client.connect();
  try {
    for (const until = Date.now() + leavingMs; Date.now() < until; await new Promise((resolve) => setTimeout(resolve, 10))) {
      const { rowCount } = await client.query("SELECT 1 FROM pg_stat_activity WHERE datname = $1 LIMIT 1", [name]);
      if (rowCount === 0) break;
    }
    await client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
  } finally {
    await client.end();
  }
}

async function ensureTemplate(
  serverUrl: string,
  folders: readonly string[],
  prepare: (connectionString: string) => Promise<unknown>,
): Promise<string> {
  const digest = createHash("sha256").update(prepare.toString());
  for (const folder of folders) {
    for (const file of readdirSync(folder).toSorted()) digest.update(`\0${file}\0`).update(readFileSync(path.join(folder, file)));
  }
  const name = `template_${digest.digest("hex").slice(0, 24)}`;
  const client = new pg.Client({ connectionString: serverUrl });
  await client.connect();
  try {
    // Test files run in several processes; the first one builds, the others wait. The lock ends with the connection.
    await client.query("SELECT pg_advisory_lock(hashtextextended($1, 0))", [name]);
    const { rowCount } = await client.query("SELECT 1 FROM pg_database WHERE datname = $1", [name]);
    if (rowCount === 0) {
      const unfinished = `${name}_unfinished`;
      await client.query(`DROP DATABASE IF EXISTS ${unfinished} WITH (FORCE)`);
      await client.query(`CREATE DATABASE ${unfinished} TEMPLATE template0`);
      await prepare(databaseUrl(serverUrl, unfinished));
      await client.query(`ALTER DATABASE ${unfinished} RENAME TO ${name}`);
    }
    return name;
  } finally {
    await client.end();
  }
}

function databaseUrl(serverUrl: string, database: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/${database}`;
  return url.href;
}

async function query(connectionString: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
