import type { RuntimeProviderName } from "@whs/api";
import { type Kysely, sql } from "kysely";
import type { Row, Schema } from "../../database.ts";

export interface Totals {
  requests: number;
  tokens: number;
  computeMs: number;
  errors: number;
  costUsdEstimated: number;
}

export async function readCounters(
  db: Kysely<Schema>,
  userId: string,
  period: string,
): Promise<({ runtimeProvider: RuntimeProviderName } & Totals)[]> {
  const rows = await db
    .selectFrom("whs.usage_counters")
    .select(["runtime_provider", "requests", "tokens", "compute_ms", "errors", "cost_usd_estimated"])
    .where("user_id", "=", userId)
    .where("period", "=", period)
    .execute();
  return rows.map((row) => ({
    runtimeProvider: row.runtime_provider,
    requests: row.requests,
    tokens: row.tokens,
    computeMs: row.compute_ms,
    errors: row.errors,
    costUsdEstimated: row.cost_usd_estimated,
  }));
}

export interface SeriesFilter {
  agentId: string;
  from: Date;
  to: Date;
  deploymentId?: string | undefined;
  runtimeProvider?: RuntimeProviderName | undefined;
}

/** Sums by minute, from the events themselves. */
export async function sumByMinute(db: Kysely<Schema>, filter: SeriesFilter): Promise<({ start: Date } & Totals)[]> {
  const { rows } = await sql<{ start: Date } & Totals>`
    select date_trunc('minute', at) as start, sum(requests)::int8 as requests, sum(llm_tokens) as tokens, sum(compute_ms) as "computeMs", sum(errors)::int8 as errors, sum(cost_usd_estimated) as "costUsdEstimated"
    from whs.metrics_events
    where agent_id = ${filter.agentId} and at >= ${filter.from} and at < ${filter.to}
      and (${filter.deploymentId ?? null}::text is null or deployment_id = ${filter.deploymentId ?? null})
      and (${filter.runtimeProvider ?? null}::text is null or runtime_provider = ${filter.runtimeProvider ?? null})
    group by 1`.execute(db);
  return rows;
}

/** Sums by hour or day (UTC), from the hourly rollup. */
export async function sumByHour(db: Kysely<Schema>, filter: SeriesFilter, bucket: "hour" | "day"): Promise<({ start: Date } & Totals)[]> {
  const { rows } = await sql<{ start: Date } & Totals>`
    select date_trunc(${bucket}, hour, 'UTC') as start, sum(requests)::int8 as requests, sum(tokens) as tokens, sum(compute_ms) as "computeMs", sum(errors)::int8 as errors, sum(cost_usd_estimated) as "costUsdEstimated"
    from whs.usage_hourly
    where agent_id = ${filter.agentId} and hour >= ${filter.from} and hour < ${filter.to}
      and (${filter.deploymentId ?? null}::text is null or deployment_id = ${filter.deploymentId ?? null})
      and (${filter.runtimeProvider ?? null}::text is null or runtime_provider = ${filter.runtimeProvider ?? null})
    group by 1`.execute(db);
  return rows;
}

/** Sums of the owner's living agents that were used, the most requests first. */
export async function sumByAgent(
  db: Kysely<Schema>,
  { userId, from, to, limit }: { userId: string; from: Date; to: Date; limit: number },
): Promise<({ agentId: string; name: string } & Totals)[]> {
  const { rows } = await sql<{ agentId: string; name: string } & Totals>`
    select agent.id as "agentId", agent.name, used.*
    from whs.agents agent, lateral (
      select sum(requests)::int8 as requests, sum(tokens) as tokens, sum(compute_ms) as "computeMs", sum(errors)::int8 as errors, sum(cost_usd_estimated) as "costUsdEstimated"
      from whs.usage_hourly where agent_id = agent.id and hour >= ${from} and hour < ${to}) used
    where agent.user_id = ${userId} and agent.deleted_at is null and used.requests > 0
    order by used.requests desc, agent.id limit ${limit}`.execute(db);
  return rows;
}

export async function listFailedInvocations(db: Kysely<Schema>, userId: string, agentId: string, limit: number, after: string | undefined) {
  let query = db
    .selectFrom("whs.invocations as invocation")
    .leftJoin("whs.metrics_events as event", (join) =>
      join.onRef("event.day", "=", "invocation.day").onRef("event.event_id", "=", "invocation.id"),
    )
    .select([
      "invocation.id",
      "invocation.started_at",
      "invocation.trace_id",
      "invocation.error_code",
      "invocation.deployment_id",
      "invocation.runtime_provider",
      "event.error_class",
    ])
    .where("invocation.user_id", "=", userId)
    .where("invocation.agent_id", "=", agentId)
    .where("invocation.error_code", "is not", null);
  if (after !== undefined) query = query.where("invocation.id", "<", after);
  return query
    .orderBy("invocation.id", "desc")
    .limit(limit + 1)
    .execute();
}

const maxTraceItems = 100;
const maxTraceLines = 500;

export function findInvocationsOfTrace(db: Kysely<Schema>, userId: string, traceId: string): Promise<Row<"whs.invocations">[]> {
  return db
    .selectFrom("whs.invocations")
    .selectAll()
    .where("user_id", "=", userId)
    .where("trace_id", "=", traceId)
    .orderBy("id", "desc")
    .limit(maxTraceItems)
    .execute();
}

export function findEvents(db: Kysely<Schema>, ids: readonly { day: string; id: string }[]): Promise<Row<"whs.metrics_events">[]> {
  return db
    .selectFrom("whs.metrics_events")
    .selectAll()
    .where("day", "in", [...new Set(ids.map(({ day }) => day))])
    .where(
      "event_id",
      "in",
      ids.map(({ id }) => id),
    )
    .execute();
}

export function findLinesOfTrace(db: Kysely<Schema>, agentIds: readonly string[], traceId: string): Promise<Row<"whs.agent_log_lines">[]> {
  return db
    .selectFrom("whs.agent_log_lines")
    .selectAll()
    .where("agent_id", "in", [...agentIds])
    .where("trace_id", "=", traceId)
    .orderBy("id")
    .limit(maxTraceLines)
    .execute();
}

export async function findTier(db: Kysely<Schema>, userId: string) {
  const row = await db.selectFrom("whs.users").select("subscription_tier").where("id", "=", userId).executeTakeFirstOrThrow();
  return row.subscription_tier;
}
