import { ConfigurationError } from "@whs/platform/config";
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import pg from "pg";

export interface Migration {
  /** `0001_agents.sql` */
  name: string;
  sql: string;
  sha256: string;
}

/** Reads numbered SQL files in order. @throws when a name has another form or a number is missing or taken twice. */
export async function readMigrations(directory: string): Promise<Migration[]> {
  const names = (await readdir(directory)).filter((name) => name.endsWith(".sql")).toSorted();
  return Promise.all(
    names.map(async (name, index) => {
      const expected = String(index + 1).padStart(4, "0");
      if (!/^\d{4}_[a-z0-9-]+\.sql$/.test(name) || !name.startsWith(expected))
        throw new Error(`Migration ${name} must be named ${expected}_<words>.sql`);
      const sql = await readFile(path.join(directory, name), "utf8");
      return { name, sql, sha256: createHash("sha256").update(sql).digest("hex") };
    }),
  );
}

/**
 * Applies what has not been applied yet, forward only, each file once and in one transaction, under an advisory lock,
 * so that any number of processes may start at once.
 * @returns the names of the migrations that this call applied.
 */
export async function migrate(url: string, schema: string, directory: string): Promise<string[]> {
  const migrations = await readMigrations(directory);
  const client = new pg.Client({ connectionString: url, application_name: `${schema} migrations` });
  // A connection that breaks says so here and to the statement that runs, which fails with it.
  client.on("error", () => undefined);
  await connect(client);
  try {
    await client.query("select pg_advisory_lock(hashtextextended($1, 0))", [`migrate/${schema}`]);
    await client.query(`create schema if not exists ${client.escapeIdentifier(schema)}`);
    const ledger = `${client.escapeIdentifier(schema)}.migrations`;
    await client.query(
      `create table if not exists ${ledger} (name text primary key, sha256 text not null, applied_at timestamptz not null default now())`,
    );
    const { rows } = await client.query<{ name: string; sha256: string }>(`select name, sha256 from ${ledger}`);
    const applied = new Map(rows.map((row) => [row.name, row.sha256]));
    requireSameHistory(migrations, applied);
    const pending = migrations.filter(({ name }) => !applied.has(name));
    await applyPending(client, ledger, pending);
    return pending.map(({ name }) => name);
  } finally {
    await client.end();
  }
}

/** @throws ConfigurationError with the server's or the system's own words, which hold no password. */
async function connect(client: pg.Client): Promise<void> {
  try {
    await client.connect();
  } catch (cause) {
    const place = `${client.host}:${client.port}/${client.database ?? ""}`;
    throw new ConfigurationError(
      `Cannot start: the database ${place} cannot be used: ${cause instanceof Error ? cause.message : "unknown"}`,
      {
        cause,
      },
    );
  }
}

/** What is applied stays as it was; a database may be ahead of these files, but not beside them. */
function requireSameHistory(migrations: readonly Migration[], applied: ReadonlyMap<string, string>): void {
  for (const { name, sha256 } of migrations) {
    const before = applied.get(name);
    if (before !== undefined && before !== sha256)
      throw new Error(`Migration ${name} has changed since it was applied; add a new one instead`);
  }
  const numbers = new Map(migrations.map(({ name }) => [name.slice(0, 4), name]));
  for (const name of applied.keys()) {
    const here = numbers.get(name.slice(0, 4));
    if (here !== undefined && here !== name) throw new Error(`Migration ${name} was applied, but here its number belongs to ${here}`);
  }
}

async function applyPending(client: pg.Client, ledger: string, pending: readonly Migration[]): Promise<void> {
  for (const { name, sql, sha256 } of pending) {
    await client.query("begin");
    try {
      await client.query(sql);
      await client.query(`insert into ${ledger} (name, sha256) values ($1, $2)`, [name, sha256]);
      await client.query("commit");
    } catch (cause) {
      // The connection ends with this error, and the transaction with it.
      throw new Error(`Migration ${name} failed`, { cause });
    }
  }
}
