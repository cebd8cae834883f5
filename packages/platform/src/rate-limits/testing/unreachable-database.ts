import { Kysely, PostgresDialect } from "kysely";
import pg from "pg";

/** A database that nothing listens for. */
export function unreachableDatabase(): Kysely<unknown> {
  return new Kysely({ dialect: new PostgresDialect({ pool: new pg.Pool({ connectionString: "postgres://127.0.0.1:1/none" }) }) });
}
