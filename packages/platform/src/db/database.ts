import type { Logger } from "@whs/platform/log";
import { AppError } from "@whs/platform/errors";
import { Kysely, PostgresDialect, type PostgresPool, type Transaction } from "kysely";
import pg from "pg";

export interface DatabaseOptions {
  /** `postgres://…` */
  url: string;
  /** Shown in `pg_stat_activity`. */
  applicationName: string;
  maxConnections?: number;
  log: Logger;
}

export interface Database<Schema> {
  kysely: Kysely<Schema>;
  pool: pg.Pool;
  close(): Promise<void>;
}
export type { Transaction };

/** Statements that run longer than this are given up: nothing here is meant to take so long. */
const statementTimeoutMs = 30_000;
/** How long a caller waits for a connection, be it that the server is down or that all are in use. */
const connectTimeoutMs = 10_000;

/** Counts are 64-bit in the database; all of ours stay exact in a double (below 2^53), which is checked. */
function parseWhole(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new Error(`A 64-bit value of the database does not fit into a number: ${text}`);
  return value;
}

/** A sum of 64-bit values is numeric, and as exact as they are. What has a fraction is an estimate, in doubles everywhere. */
function parseNumeric(text: string): number {
  return /^-?\d+$/.test(text) ? parseWhole(text) : Number(text);
}

const parsers = new Map<number, (text: string) => number>([
  [pg.types.builtins.INT8, parseWhole],
  [pg.types.builtins.NUMERIC, parseNumeric],
]);
const types: pg.CustomTypesConfig = {
  getTypeParser: (oid: number, format?: "text" | "binary"): unknown =>
    (format === "binary" ? undefined : parsers.get(oid)) ?? pg.types.getTypeParser(oid, format),
};

export function openDatabase<Schema>(options: DatabaseOptions): Database<Schema> {
  const pool = new pg.Pool({
    connectionString: options.url,
    application_name: options.applicationName,
    max: options.maxConnections ?? 10,
    statement_timeout: statementTimeoutMs,
    idle_in_transaction_session_timeout: statementTimeoutMs,
    connectionTimeoutMillis: connectTimeoutMs,
    types,
  });
  pool.on("error", (error) => options.log.warn({ err: error }, "An idle database connection broke"));
  // A connection that breaks while it is lent reports it here too; whoever has it learns of it from its statement.
  pool.on("connect", (client) => client.on("error", (error) => options.log.warn({ err: error }, "A database connection broke")));
  const kysely = new Kysely<Schema>({ dialect: new PostgresDialect({ pool: orUnavailable(pool) }) });
  return { kysely, pool, close: () => kysely.destroy() };
}

/** Without a connection nothing has happened: the caller may try again. */
function orUnavailable(pool: pg.Pool): PostgresPool {
  return {
    options: pool.options,
    end: () => pool.end(),
    async connect() {
      try {
        return await pool.connect();
      } catch (cause) {
        throw new AppError("UNAVAILABLE", "The database cannot be reached; try again in a moment.", { cause });
      }
    },
  };
}
