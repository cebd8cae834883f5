/** What a server's tests ask of its schema, and of the plans of its queries. */
import { execFile } from "node:child_process";
import path from "node:path";
import { promisify } from "node:util";
import { Kysely, PostgresDialect } from "kysely";
import type pg from "pg";

interface TableDescription {
  columns: Record<string, string>;
  constraints: string[];
  indexes: string[];
  triggers: string[];
}

/** Tables of a schema by name; of a partitioned one, the whole. */
export async function describeTables(pool: pg.Pool, schema: string): Promise<Record<string, TableDescription>> {
  const { rows } = await pool.query<{ name: string } & TableDescription>(
    `
    select c.relname as name,
      (select json_object_agg(a.attname, format_type(a.atttypid, a.atttypmod) || case when a.attnotnull then ' not null' else '' end order by a.attname) from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns,
      coalesce((select json_agg(pg_get_constraintdef(k.oid) order by pg_get_constraintdef(k.oid)) from pg_constraint k where k.conrelid = c.oid and k.contype <> 'n'), '[]') as constraints,
      coalesce((select json_agg(pg_get_indexdef(i.indexrelid) order by pg_get_indexdef(i.indexrelid)) from pg_index i where i.indrelid = c.oid), '[]') as indexes,
      coalesce((select json_agg(t.tgname order by t.tgname) from pg_trigger t where t.tgrelid = c.oid and not t.tgisinternal), '[]') as triggers
    from pg_class c where c.relnamespace = $1::regnamespace and c.relkind in ('r', 'p') and not c.relispartition order by c.relname`,
    [schema],
  );
  return Object.fromEntries(rows.map(({ name, ...description }) => [name, description]));
}

/** @param workspace folder with the generator's configuration. @throws when the row types are not those of the database. */
export async function verifyRowTypes(workspace: string, databaseUrl: string): Promise<void> {
  const codegen = path.resolve(workspace, "../../node_modules/.bin/kysely-codegen");
  await promisify(execFile)(codegen, ["--config-file", ".kysely-codegenrc.json", "--verify"], {
    cwd: workspace,
    env: { PATH: process.env["PATH"], DATABASE_URL: databaseUrl },
  });
}

/** A connection whose queries can be explained after they ran. */
export class ExplainedQueries<Schema> {
  readonly db: Kysely<Schema>;
  private readonly pool: pg.Pool;
  private readonly statements: { sql: string; parameters: readonly unknown[] }[] = [];

  constructor(pool: pg.Pool) {
    this.pool = pool;
    this.db = new Kysely<Schema>({
      dialect: new PostgresDialect({ pool }),
      log: (event) => void this.statements.push({ sql: event.query.sql, parameters: event.query.parameters }),
    });
  }

  /** Plans of every query of `run`. @throws Error when it makes none. */
  async plansOf(run: () => Promise<unknown>): Promise<string[]> {
    this.statements.length = 0;
    await run();
    const queries = this.statements.filter(({ sql }) => !/^(begin|start|set|commit)/.test(sql));
    if (queries.length === 0) throw new Error("Nothing was asked of the database.");
    const plans: string[] = [];
    for (const { sql, parameters } of queries) {
      const { rows } = await this.pool.query<{ "QUERY PLAN": string }>(`explain ${sql}`, [...parameters]);
      plans.push(rows.map((row) => row["QUERY PLAN"]).join("\n"));
    }
    return plans;
  }
}
