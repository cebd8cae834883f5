import type { Logger } from "@whs/platform/log";
import { Kysely, PostgresDialect, type Transaction } from "kysely";
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

/** Counts are 64-bit in the database; all of ours stay exact in a double (below 2^53), which is checked. */
function parseBigint(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new Error(`A 64-bit value of the database does not fit into a number: ${text}`);
  return value;
}

const { builtins } = pg.types;
const types: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: "text" | "binary") => {
    if (oid === builtins.INT8 && format !== "binary") return parseBigint;
    if (oid === builtins.NUMERIC && format !== "binary") return Number;
    return pg.types.getTypeParser(oid, format as "text");
  }) as typeof pg.types.getTypeParser,
};

export function openDatabase<Schema>(options: DatabaseOptions): Database<Schema> {
  const pool = new pg.Pool({
    connectionString: options.url,
    application_name: options.applicationName,
    max: options.maxConnections ?? 10,
    statement_timeout: statementTimeoutMs,
    idle_in_transaction_session_timeout: statementTimeoutMs,
    connectionTimeoutMillis: 10_000,
    types,
  });
  pool.on("error", (error) => options.log.warn({ err: error }, "A database connection broke"));
  const kysely = new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) });
  return { kysely, pool, close: () => kysely.destroy() };
}
