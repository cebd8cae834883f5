import type { RuntimeProviderName } from "@whs/api";
import { type Kysely, type RawBuilder, sql, type Transaction } from "kysely";
import type { FinishedPass, ReconciliationPass, Schema, UsageByRuntime, UsageSums } from "../../database.ts";

/** How far the reconciliation is. Days are `YYYY-MM-DD`, UTC. */
export interface Progress {
  /** Events of earlier days are summed for good. */
  sealedBefore: string;
  sealingAfter: string;
  /** First day of the earliest month that passes sum anew. */
  openSince: string;
  pass: ReconciliationPass | null;
  passAfter: string;
}

/**
 * Runs one step in one snapshot. Steps of several processes wait for each other: the lock comes before the snapshot, so
 * each sees all that the step before it did.
 */
export function inOneSnapshot<T>(db: Kysely<Schema>, step: (transaction: Transaction<Schema>) => Promise<T>): Promise<T> {
  return db
    .transaction()
    .setIsolationLevel("repeatable read")
    .execute(async (transaction) => {
      await sql`lock table whs.usage_reconciliation in exclusive mode`.execute(transaction);
      return step(transaction);
    });
}

export async function readProgress(transaction: Transaction<Schema>): Promise<Progress> {
  const { rows } = await sql<Progress>`
    select sealed_before::text as "sealedBefore", sealing_after as "sealingAfter", open_since::text as "openSince", pass, pass_after as "passAfter"
    from whs.usage_reconciliation`.execute(transaction);
  const [row] = rows;
  if (row === undefined) throw new Error("The reconciliation has no state");
  return row;
}

export async function writeProgress(
  transaction: Transaction<Schema>,
  change: Partial<Progress> & { lastPass?: FinishedPass },
): Promise<void> {
  const { sealedBefore, sealingAfter, openSince, pass, passAfter, lastPass } = change;
  await transaction
    .updateTable("whs.usage_reconciliation")
    .set({
      ...(sealedBefore === undefined ? {} : { sealed_before: sealedBefore }),
      ...(sealingAfter === undefined ? {} : { sealing_after: sealingAfter }),
      ...(openSince === undefined ? {} : { open_since: openSince }),
      ...(pass === undefined ? {} : { pass: pass === null ? null : JSON.stringify(pass) }),
      ...(passAfter === undefined ? {} : { pass_after: passAfter }),
      ...(lastPass === undefined ? {} : { last_pass: JSON.stringify(lastPass) }),
    })
    .execute();
}

/** What the last complete pass found; null before the first. */
export async function readLastPass(db: Kysely<Schema>): Promise<FinishedPass | null> {
  const row = await db.selectFrom("whs.usage_reconciliation").select("last_pass").executeTakeFirst();
  return row?.last_pass ?? null;
}

/** The next accounts in the order of their ids, with how many requests they made since the month of `openSince`. */
export async function nextAccounts(
  transaction: Transaction<Schema>,
  after: string,
  openSince: string,
  limit: number,
): Promise<{ id: string; requests: number }[]> {
  const { rows } = await sql<{ id: string; requests: number }>`
    select u.id, (select coalesce(sum(c.requests), 0)::int8 from whs.usage_counters c where c.user_id = u.id and c.period >= to_char(${openSince}::date, 'YYYY-MM')) as requests
    from whs.users u where u.id > ${after} order by u.id limit ${limit}`.execute(transaction);
  return rows;
}

export async function hasEvents(transaction: Transaction<Schema>, day: string): Promise<boolean> {
  const { rows } = await sql`select 1 from whs.metrics_events where day = ${day}::date limit 1`.execute(transaction);
  return rows.length > 0;
}

const summed = sql`sum(requests)::int8 as requests, sum(llm_tokens) as tokens, sum(compute_ms) as compute_ms, sum(errors)::int8 as errors, sum(platform_tool_calls) as platform_tool_calls,
  sum(code_execution_seconds) as code_execution_seconds, sum(browser_sessions) as browser_sessions, sum(cost_usd_estimated) as cost_usd_estimated`;

/** Sums a day's events of some accounts, in place of what was summed of them before. */
export async function sealDay(transaction: Transaction<Schema>, day: string, userIds: readonly string[]): Promise<void> {
  await sql`delete from whs.usage_daily where day = ${day}::date and user_id = any(${userIds})`.execute(transaction);
  await sql`
    insert into whs.usage_daily (user_id, day, runtime_provider, requests, tokens, compute_ms, errors, platform_tool_calls, code_execution_seconds, browser_sessions, cost_usd_estimated)
    select user_id, day, runtime_provider, ${summed} from whs.metrics_events where day = ${day}::date and user_id = any(${userIds})
    group by user_id, day, runtime_provider`.execute(transaction);
}

export interface MonthSums {
  userId: string;
  /** `YYYY-MM` */
  period: string;
  runtimeProvider: RuntimeProviderName;
  sums: UsageSums;
}

/** What the events of some accounts come to since the first of a month: days that are final as they were summed, later ones event by event. */
export function sumEvents(
  transaction: Transaction<Schema>,
  userIds: readonly string[],
  days: { openSince: string; sealedBefore: string },
): Promise<MonthSums[]> {
  return readSums(
    transaction,
    sql`select user_id, period, runtime_provider, sum(requests)::int8 as requests, sum(tokens) as tokens, sum(compute_ms) as compute_ms, sum(errors)::int8 as errors, sum(platform_tool_calls) as platform_tool_calls,
      sum(code_execution_seconds) as code_execution_seconds, sum(browser_sessions) as browser_sessions, sum(cost_usd_estimated) as cost_usd_estimated
    from (
      select user_id, to_char(day, 'YYYY-MM') as period, runtime_provider, requests, tokens, compute_ms, errors, platform_tool_calls, code_execution_seconds, browser_sessions, cost_usd_estimated
      from whs.usage_daily where user_id = any(${userIds}) and day >= ${days.openSince}::date and day < ${days.sealedBefore}::date
      union all
      select user_id, to_char(day, 'YYYY-MM'), runtime_provider, ${summed}
      from whs.metrics_events where user_id = any(${userIds}) and day >= ${days.sealedBefore}::date group by 1, 2, 3
    ) as parts group by user_id, period, runtime_provider`,
  );
}

export function readCountersSince(transaction: Transaction<Schema>, userIds: readonly string[], openSince: string): Promise<MonthSums[]> {
  return readSums(
    transaction,
    sql`select user_id, period, runtime_provider, requests, tokens, compute_ms, errors, platform_tool_calls, code_execution_seconds, browser_sessions, cost_usd_estimated
      from whs.usage_counters where user_id = any(${userIds}) and period >= to_char(${openSince}::date, 'YYYY-MM')`,
  );
}

async function readSums(transaction: Transaction<Schema>, query: RawBuilder<unknown>): Promise<MonthSums[]> {
  const { rows } = await sql<Omit<MonthSums, "sums"> & UsageSums>`
    select user_id as "userId", period, runtime_provider as "runtimeProvider", requests, tokens, compute_ms as "computeMs", errors, platform_tool_calls as "platformToolCalls",
      code_execution_seconds as "codeExecutionSeconds", browser_sessions as "browserSessions", cost_usd_estimated as "costUsdEstimated"
    from (${query}) as s`.execute(transaction);
  return rows.map(({ userId, period, runtimeProvider, ...sums }) => ({ userId, period, runtimeProvider, sums }));
}

export interface BillingUsage {
  userId: string;
  period: string;
  totals: UsageSums;
  byRuntime: UsageByRuntime;
}

/**
 * Writes what months come to, where that has changed. One is never lowered: events are not taken back, so fewer of them
 * than before means that some are missing.
 * @returns those that stayed as they were because they would have been lowered.
 */
export async function writeBillingUsage(
  transaction: Transaction<Schema>,
  months: readonly BillingUsage[],
  at: Date,
): Promise<{ userId: string; period: string }[]> {
  if (months.length === 0) return [];
  const { rows } = await sql<{ userId: string; period: string }>`
    with now_summed as (
      select * from unnest(${months.map((m) => m.userId)}::text[], ${months.map((m) => m.period)}::text[], ${months.map((m) => JSON.stringify(m.totals))}::jsonb[],
        ${months.map((m) => JSON.stringify(m.byRuntime))}::jsonb[]) as m (user_id, period, totals, by_runtime)
    ), would_be_lowered as (
      select user_id, period from now_summed n join whs.billing_usage b using (user_id, period) where (n.totals ->> 'requests')::int8 < (b.totals ->> 'requests')::int8
    ), written as (
      insert into whs.billing_usage as b (user_id, period, totals, by_runtime, last_aggregated_at)
      select user_id, period, totals, by_runtime, ${at} from now_summed where (user_id, period) not in (select user_id, period from would_be_lowered)
      on conflict (user_id, period) do update set totals = excluded.totals, by_runtime = excluded.by_runtime, last_aggregated_at = excluded.last_aggregated_at
        where (b.totals, b.by_runtime) is distinct from (excluded.totals, excluded.by_runtime)
    )
    select user_id as "userId", period from would_be_lowered`.execute(transaction);
  return rows;
}
