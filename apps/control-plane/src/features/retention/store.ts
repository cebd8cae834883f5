import { type Kysely, sql } from "kysely";
import type { Schema } from "../../database.ts";

/** Tables with a partition for each day; those of invocations are kept as long as telemetry. */
export const partitioned = ["invocations", "metrics_events", "agent_log_lines"] as const;
export type PartitionedTable = (typeof partitioned)[number];

const rowsAtOnce = 5_000;

/**
 * Deletes up to a few thousand rows of owners with a tier that are older than its retention. Events stay until the
 * reconciliation has summed their day for good.
 * @returns how many were deleted: fewer than asked for means that none is left.
 */
export async function deleteExpiredRows(
  db: Kysely<Schema>,
  table: PartitionedTable,
  tier: string,
  before: Date,
): Promise<{ deleted: number; more: boolean }> {
  const owner =
    table === "agent_log_lines"
      ? sql`join whs.agents a on a.id = t.agent_id join whs.users u on u.id = a.user_id`
      : sql`join whs.users u on u.id = t.user_id`;
  const name = sql.table(`whs.${table}`);
  const mayGo = table === "metrics_events" ? sql`and t.day < (select sealed_before from whs.usage_reconciliation)` : sql``;
  const { numAffectedRows } = await sql`
    delete from ${name} where (tableoid, ctid) in (
      select t.tableoid, t.ctid from ${name} t ${owner}
      where u.subscription_tier = ${tier} and t.day < (${before}::timestamptz at time zone 'utc')::date ${mayGo} limit ${rowsAtOnce})`.execute(
    db,
  );
  const deleted = Number(numAffectedRows ?? 0n);
  return { deleted, more: deleted === rowsAtOnce };
}

/** Partitions of days before `before`, with their names' days: `metrics_events_20261121`. */
export async function listOldPartitions(db: Kysely<Schema>, before: Date): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`
    select child.relname as name from pg_inherits
      join pg_class child on child.oid = inhrelid join pg_class parent on parent.oid = inhparent
    where parent.relnamespace = 'whs'::regnamespace and parent.relname = any(${[...partitioned]}) and child.relname ~ '_[0-9]{8}$'
      and to_date(right(child.relname, 8), 'YYYYMMDD') < least((${before}::timestamptz at time zone 'utc')::date, (select sealed_before from whs.usage_reconciliation))
    order by name`.execute(db);
  return rows.map((row) => row.name);
}

export async function dropPartition(db: Kysely<Schema>, name: string): Promise<void> {
  await sql`drop table ${sql.table(`whs.${name}`)}`.execute(db);
}

/** Aggregates older than `before`. Sums of days go once their month is complete. */
export async function deleteOldAggregates(db: Kysely<Schema>, before: Date): Promise<void> {
  const period = before.toISOString().slice(0, 7);
  await db.deleteFrom("whs.usage_hourly").where("hour", "<", before).execute();
  await db.deleteFrom("whs.usage_counters").where("period", "<", period).execute();
  await db.deleteFrom("whs.billing_usage").where("period", "<", period).execute();
  await sql`delete from whs.usage_daily where day < (select open_since from whs.usage_reconciliation)`.execute(db);
}
