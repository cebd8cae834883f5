/** Two schemas in one database: `auth` belongs to the identity library, `identity` to us. */
import { migrate } from "@whs/platform/db";
import type { BetterAuthOptions } from "better-auth";
import { getMigrations } from "better-auth/db/migration";
import { fileURLToPath } from "node:url";
import pg from "pg";

const MIGRATIONS = fileURLToPath(new URL("../migrations/", import.meta.url));
const LIBRARY_SCHEMA = "auth";

/** Connections on which unqualified names are the library's tables. */
export function openPool(databaseUrl: string): pg.Pool {
  return new pg.Pool({
    connectionString: databaseUrl,
    application_name: "identity",
    options: `-c search_path=${LIBRARY_SCHEMA}`,
    max: 10,
    connectionTimeoutMillis: 10_000,
    statement_timeout: 30_000,
  });
}

/** Brings both schemas up to date. Any number of processes may do so at once. */
export async function prepareDatabase(databaseUrl: string, options: BetterAuthOptions): Promise<void> {
  await migrate(databaseUrl, "identity", MIGRATIONS);
  const client = new pg.Client({ connectionString: databaseUrl, application_name: "identity migrations" });
  await client.connect();
  try {
    await client.query("SELECT pg_advisory_lock(hashtextextended('migrate/auth', 0))");
    await client.query(`CREATE SCHEMA IF NOT EXISTS ${LIBRARY_SCHEMA}`);
    const { runMigrations } = await getMigrations(options);
    await runMigrations();
  } finally {
    await client.end();
  }
}
