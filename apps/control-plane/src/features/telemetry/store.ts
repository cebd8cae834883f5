import type { TelemetryEvent } from "@whs/api";
import { type Kysely, sql, type Transaction } from "kysely";
import type { Row, Schema, TelemetryAuthRef } from "../../database.ts";

/** What a signature and an event are checked against. */
export interface TelemetryOwner {
  deploymentId: string;
  agentId: string;
  userId: string;
  runtimeProvider: "cloudflare" | "agentcore";
  authRef: TelemetryAuthRef;
}

export async function findTelemetryOwner(db: Kysely<Schema>, deploymentId: string): Promise<TelemetryOwner | undefined> {
  const row = await db
    .selectFrom("whs.deployments")
    .select(["id", "agent_id", "user_id", "runtime_provider", "telemetry_auth_ref"])
    .where("id", "=", deploymentId)
    .executeTakeFirst();
  if (row === undefined) return undefined;
  return {
    deploymentId: row.id,
    agentId: row.agent_id,
    userId: row.user_id,
    runtimeProvider: row.runtime_provider,
    authRef: row.telemetry_auth_ref,
  };
}

/** An event that passed all checks, filed under its id's own day. */
export interface AcceptedEvent {
  eventId: string;
  /** `YYYY-MM-DD`, UTC */
  day: string;
  event: TelemetryEvent;
  /** Whether the gateway says it, because the runtime has not. */
  isFallback: boolean;
}

/** What is added to the totals: an event, or one with its figures below zero, which takes it from them. */
interface Change {
  eventId: string;
  day: string;
  event: Omit<TelemetryEvent, "requests" | "errors"> & { requests: number; errors: number };
}

/** Settles in the same transaction what gateways reserved for events that are new. */
export type Settle = (transaction: Transaction<Schema>, changes: readonly Change[]) => Promise<void>;

/**
 * Inserts events and adds those that are new to the totals, all in one transaction; a runtime's event that comes after the
 * gateway's word for it takes its place. Rows are written in a fixed order, so that two writers cannot lock each other out.
 * @returns the ids that were new.
 */
export function insertEvents(db: Kysely<Schema>, events: readonly AcceptedEvent[], settle: Settle): Promise<Set<string>> {
  const byId = new Map(events.map((event) => [event.eventId, event]));
  // Of both in one group the runtime's own is the one to keep.
  for (const event of events) if (!event.isFallback && byId.get(event.eventId)?.isFallback) byId.set(event.eventId, event);
  const unique = [...byId.values()].toSorted((a, b) => (a.eventId < b.eventId ? -1 : 1));
  return db.transaction().execute(async (transaction) => {
    const inserted = await insertNew(transaction, unique);
    const known = unique.filter(({ eventId, isFallback }) => !inserted.has(eventId) && !isFallback);
    const fresh: Change[] = [
      ...unique.filter(({ eventId }) => inserted.has(eventId)),
      ...(known.length > 0 ? await replaceFallbacks(transaction, known) : []),
    ];
    if (fresh.length > 0) {
      await addToCounters(transaction, fresh);
      await addToHours(transaction, fresh);
      await settle(transaction, fresh);
    }
    return inserted;
  });
}

async function insertNew(transaction: Transaction<Schema>, events: readonly AcceptedEvent[]): Promise<Set<string>> {
  const column = <T>(pick: (event: TelemetryEvent) => T): T[] => events.map(({ event }) => pick(event));
  const { rows } = await sql<{ event_id: string }>`
    insert into whs.metrics_events (day, event_id, user_id, agent_id, deployment_id, runtime_provider, trace_id, at, requests, llm_tokens, tokens_estimated, compute_ms,
      tool_calls, platform_tool_calls, code_execution_seconds, browser_sessions, errors, error_class, provider, cost_usd_estimated, is_fallback)
    select * from unnest(
      ${events.map((e) => e.day)}::date[], ${events.map((e) => e.eventId)}::text[], ${column((e) => e.userId)}::text[], ${column((e) => e.agentId)}::text[], ${column((e) => e.deploymentId)}::text[],
      ${column((e) => e.runtimeProvider)}::text[], ${column((e) => e.traceId)}::text[], ${column((e) => e.timestamp)}::timestamptz[], ${column((e) => e.requests)}::int[], ${column((e) => e.llmTokens)}::float8[],
      ${column((e) => e.tokensEstimated)}::bool[], ${column((e) => e.computeMs)}::float8[], ${column((e) => e.toolCalls)}::float8[], ${column((e) => e.platformToolCalls)}::float8[],
      ${column((e) => e.codeExecutionSeconds)}::float8[], ${column((e) => e.browserSessions)}::float8[], ${column((e) => e.errors)}::int2[], ${column((e) => e.errorClass ?? null)}::text[],
      ${column((e) => JSON.stringify(e.provider))}::jsonb[], ${column((e) => e.costUsdEstimated)}::float8[], ${events.map((e) => e.isFallback)}::bool[])
    on conflict (day, event_id) do nothing
    returning event_id`.execute(transaction);
  return new Set(rows.map((row) => row.event_id));
}

/**
 * Puts runtimes' events in the place of the gateway's words for them.
 * @returns what that changes in the totals: the old word taken back, and the event.
 */
async function replaceFallbacks(transaction: Transaction<Schema>, events: readonly AcceptedEvent[]): Promise<Change[]> {
  const { rows } = await sql<Row<"whs.metrics_events">>`
    select e.* from whs.metrics_events e join unnest(${events.map((e) => e.day)}::date[], ${events.map((e) => e.eventId)}::text[]) as k (day, event_id) using (day, event_id)
    where e.is_fallback order by e.event_id for update of e`.execute(transaction);
  const changes: Change[] = [];
  for (const row of rows) {
    const late = events.find(({ eventId }) => eventId === row.event_id);
    if (late === undefined || late.event.deploymentId !== row.deployment_id || late.event.userId !== row.user_id) continue;
    const { event } = late;
    await sql`
      update whs.metrics_events set is_fallback = false, trace_id = ${event.traceId}, at = ${event.timestamp}::timestamptz, llm_tokens = ${event.llmTokens}, tokens_estimated = ${event.tokensEstimated},
        compute_ms = ${event.computeMs}, tool_calls = ${event.toolCalls}, platform_tool_calls = ${event.platformToolCalls}, code_execution_seconds = ${event.codeExecutionSeconds},
        browser_sessions = ${event.browserSessions}, errors = ${event.errors}, error_class = ${event.errorClass ?? null}, provider = ${JSON.stringify(event.provider)}::jsonb, cost_usd_estimated = ${event.costUsdEstimated}
      where day = ${late.day}::date and event_id = ${late.eventId}`.execute(transaction);
    changes.push({ ...late, event: takenBack(row, event) }, late);
  }
  return changes;
}

/** The gateway's word with all its figures below zero: added to a total, it is gone from it. */
function takenBack(row: Row<"whs.metrics_events">, event: TelemetryEvent): Change["event"] {
  return {
    ...event,
    timestamp: row.at.toISOString(),
    requests: -row.requests,
    llmTokens: -row.llm_tokens,
    computeMs: -row.compute_ms,
    toolCalls: -row.tool_calls,
    platformToolCalls: -row.platform_tool_calls,
    codeExecutionSeconds: -row.code_execution_seconds,
    browserSessions: -row.browser_sessions,
    errors: -row.errors,
    costUsdEstimated: -row.cost_usd_estimated,
  };
}

interface Sums {
  requests: number;
  tokens: number;
  computeMs: number;
  errors: number;
  platformToolCalls: number;
  codeExecutionSeconds: number;
  browserSessions: number;
  costUsd: number;
}

/** Sums by key, in the keys' order. */
function sumBy(changes: readonly Change[], keyOf: (change: Change) => string[]): { key: string[]; sums: Sums }[] {
  const groups = new Map<string, { key: string[]; sums: Sums }>();
  for (const change of changes) {
    const { event } = change;
    const key = keyOf(change);
    const text = key.join("\0");
    let group = groups.get(text);
    if (group === undefined) {
      group = {
        key,
        sums: {
          requests: 0,
          tokens: 0,
          computeMs: 0,
          errors: 0,
          platformToolCalls: 0,
          codeExecutionSeconds: 0,
          browserSessions: 0,
          costUsd: 0,
        },
      };
      groups.set(text, group);
    }
    const { sums } = group;
    sums.requests += event.requests;
    sums.tokens += event.llmTokens;
    sums.computeMs += event.computeMs;
    sums.errors += event.errors;
    sums.platformToolCalls += event.platformToolCalls;
    sums.codeExecutionSeconds += event.codeExecutionSeconds;
    sums.browserSessions += event.browserSessions;
    sums.costUsd += event.costUsdEstimated;
  }
  return [...groups.entries()].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, group]) => group);
}

async function addToCounters(transaction: Transaction<Schema>, changes: readonly Change[]): Promise<void> {
  const groups = sumBy(changes, ({ event, day }) => [event.userId, day.slice(0, 7), event.runtimeProvider]);
  const sums = <K extends keyof Sums>(key: K): number[] => groups.map((group) => group.sums[key]);
  await sql`
    insert into whs.usage_counters as c (user_id, period, runtime_provider, requests, tokens, compute_ms, errors, platform_tool_calls, code_execution_seconds, browser_sessions, cost_usd_estimated)
    select * from unnest(${groups.map((g) => g.key[0])}::text[], ${groups.map((g) => g.key[1])}::text[], ${groups.map((g) => g.key[2])}::text[], ${sums("requests")}::int8[], ${sums("tokens")}::float8[],
      ${sums("computeMs")}::float8[], ${sums("errors")}::int8[], ${sums("platformToolCalls")}::float8[], ${sums("codeExecutionSeconds")}::float8[], ${sums("browserSessions")}::float8[], ${sums("costUsd")}::float8[])
    on conflict (user_id, period, runtime_provider) do update set
      requests = c.requests + excluded.requests, tokens = c.tokens + excluded.tokens, compute_ms = c.compute_ms + excluded.compute_ms, errors = c.errors + excluded.errors,
      platform_tool_calls = c.platform_tool_calls + excluded.platform_tool_calls, code_execution_seconds = c.code_execution_seconds + excluded.code_execution_seconds,
      browser_sessions = c.browser_sessions + excluded.browser_sessions, cost_usd_estimated = c.cost_usd_estimated + excluded.cost_usd_estimated`.execute(
    transaction,
  );
}

async function addToHours(transaction: Transaction<Schema>, changes: readonly Change[]): Promise<void> {
  const groups = sumBy(changes, ({ event }) => [
    event.agentId,
    `${new Date(event.timestamp).toISOString().slice(0, 13)}:00:00Z`,
    event.deploymentId,
    event.runtimeProvider,
  ]);
  const sums = <K extends keyof Sums>(key: K): number[] => groups.map((group) => group.sums[key]);
  await sql`
    insert into whs.usage_hourly as h (agent_id, hour, deployment_id, runtime_provider, requests, tokens, compute_ms, errors, cost_usd_estimated)
    select * from unnest(${groups.map((g) => g.key[0])}::text[], ${groups.map((g) => g.key[1])}::timestamptz[], ${groups.map((g) => g.key[2])}::text[], ${groups.map((g) => g.key[3])}::text[],
      ${sums("requests")}::int8[], ${sums("tokens")}::float8[], ${sums("computeMs")}::float8[], ${sums("errors")}::int8[], ${sums("costUsd")}::float8[])
    on conflict (agent_id, hour, deployment_id, runtime_provider) do update set
      requests = h.requests + excluded.requests, tokens = h.tokens + excluded.tokens, compute_ms = h.compute_ms + excluded.compute_ms, errors = h.errors + excluded.errors,
      cost_usd_estimated = h.cost_usd_estimated + excluded.cost_usd_estimated`.execute(transaction);
}

/** Invocations that no event has counted for so long that the runtime's own is taken for lost. */
export async function listUncounted(db: Kysely<Schema>, range: { from: Date; before: Date }, limit: number) {
  const { rows } = await sql<{
    id: string;
    user_id: string;
    agent_id: string;
    deployment_id: string;
    runtime_provider: "cloudflare" | "agentcore";
    trace_id: string;
    started_at: Date;
    duration_ms: number;
    error_code: string | null;
  }>`
    select i.id, i.user_id, i.agent_id, i.deployment_id, i.runtime_provider, i.trace_id, i.started_at, i.duration_ms, i.error_code
    from whs.invocations i
    where i.day >= (${range.from}::timestamptz at time zone 'utc')::date and i.started_at >= ${range.from} and i.started_at + make_interval(secs => i.duration_ms / 1000) < ${range.before}
      and not exists (select from whs.metrics_events e where e.day = i.day and e.event_id = i.id)
    limit ${limit}`.execute(db);
  return rows;
}
