import type { ToolGrant } from "@whs/runtimes";
import { type Kysely, sql, type Transaction } from "kysely";
import type { Schema } from "../../database.ts";
import { type Amounts, combine, lacking, nothing, type Resource, subtract } from "./resources.ts";

export interface LeaseKey {
  gatewayId: string;
  userId: string;
  period: string;
}

/** What a period has used up, leases in full included. */
interface UsedRow {
  requests: number;
  tokens: number;
  compute_ms: number;
}

export type Grant = { granted: Amounts } | { lacks: Resource; used: Amounts };

/** Of what is left a lease takes a tenth, so that it grows small near the limit, and no more than this many requests. */
const share = 10;
const mostRequests = 500;
const mostTokens = 1_000_000;
const mostComputeMs = 10_000_000;

/**
 * Adds to a gateway's lease, at least `need` and at most a share of what is left, or says what there is too little of.
 * Leases of one user and period are granted one after the other; what is used is read in one snapshot.
 */
export function extendLease(db: Kysely<Schema>, key: LeaseKey, need: Amounts, budget: Amounts, leaseSeconds: number): Promise<Grant> {
  return db.transaction().execute(async (transaction) => {
    await sql`select pg_advisory_xact_lock(hashtextextended(${`budget/${key.userId}/${key.period}`}, 0))`.execute(transaction);
    const used = await readUsed(transaction, key.userId, key.period);
    const left = subtract(budget, used);
    const lacks = lacking(need, left);
    if (lacks !== undefined) return { lacks, used };
    const granted = combine(need, portionOf(left), (least, portion) => Math.max(least, portion));
    await sql`
      insert into whs.usage_leases as l (gateway_id, user_id, period, granted_requests, granted_tokens, granted_compute_ms, expires_at)
      values (${key.gatewayId}, ${key.userId}, ${key.period}, ${granted.requests}, ${granted.tokens}, ${granted.computeMs}, now() + make_interval(secs => ${leaseSeconds}))
      on conflict (user_id, period, gateway_id) do update set
        granted_requests = l.granted_requests + excluded.granted_requests, granted_tokens = l.granted_tokens + excluded.granted_tokens,
        granted_compute_ms = l.granted_compute_ms + excluded.granted_compute_ms, expires_at = excluded.expires_at`.execute(transaction);
    return { granted };
  });
}

function portionOf(left: Amounts): Amounts {
  return {
    requests: Math.min(mostRequests, Math.ceil(left.requests / share)),
    tokens: Math.min(mostTokens, Math.floor(left.tokens / share)),
    computeMs: Math.min(mostComputeMs, Math.floor(left.computeMs / share)),
  };
}

async function readUsed(db: Kysely<Schema>, userId: string, period: string): Promise<Amounts> {
  const { rows } = await sql<UsedRow>`
    select
      coalesce((select sum(requests) from whs.usage_counters where user_id = ${userId} and period = ${period}), 0)::int8
        + coalesce((select sum(greatest(0, granted_requests - settled_requests)) from whs.usage_leases where user_id = ${userId} and period = ${period}), 0)::int8 as requests,
      coalesce((select sum(tokens) from whs.usage_counters where user_id = ${userId} and period = ${period}), 0)
        + coalesce((select sum(greatest(0, granted_tokens - settled_tokens)) from whs.usage_leases where user_id = ${userId} and period = ${period}), 0) as tokens,
      coalesce((select sum(compute_ms) from whs.usage_counters where user_id = ${userId} and period = ${period}), 0)
        + coalesce((select sum(greatest(0, granted_compute_ms - settled_compute_ms)) from whs.usage_leases where user_id = ${userId} and period = ${period}), 0) as compute_ms`.execute(
    db,
  );
  const [row] = rows;
  return row === undefined ? nothing : { requests: row.requests, tokens: row.tokens, computeMs: row.compute_ms };
}

/** Of the platform's tools, as events have counted it. */
export async function readToolsUsed(db: Kysely<Schema>, userId: string, period: string): Promise<ToolGrant["left"]> {
  const { rows } = await sql<ToolGrant["left"]>`
    select coalesce(sum(platform_tool_calls), 0) as "toolCalls", coalesce(sum(code_execution_seconds), 0) as "codeExecutionSeconds",
      coalesce(sum(browser_sessions), 0) as "browserSessions"
    from whs.usage_counters where user_id = ${userId} and period = ${period}`.execute(db);
  return rows[0] ?? { toolCalls: 0, codeExecutionSeconds: 0, browserSessions: 0 };
}

export interface LeaseState extends LeaseKey {
  granted: Amounts;
  spent: Amounts;
  /** Whether nothing runs under it, so that it may go once events have settled all of it. */
  idle: boolean;
}

/**
 * Says what a gateway's leases are now and keeps them alive; what is no longer granted is free for others at once.
 * @returns the leases that are settled and gone.
 */
export async function updateLeases(
  db: Kysely<Schema>,
  leases: readonly LeaseState[],
  leaseSeconds: number,
): Promise<{ userId: string; period: string }[]> {
  if (leases.length === 0) return [];
  const ordered = leases.toSorted((a, b) => (a.userId + a.period < b.userId + b.period ? -1 : 1));
  const column = <T>(pick: (lease: LeaseState) => T): T[] => ordered.map(pick);
  const input = sql`unnest(
      ${column((l) => l.gatewayId)}::text[], ${column((l) => l.userId)}::text[], ${column((l) => l.period)}::text[], ${column((l) => l.granted.requests)}::int8[], ${column((l) => l.granted.tokens)}::float8[],
      ${column((l) => l.granted.computeMs)}::float8[], ${column((l) => l.spent.requests)}::int8[], ${column((l) => l.spent.tokens)}::float8[], ${column((l) => l.spent.computeMs)}::float8[], ${column((l) => l.idle)}::bool[])
      as s (gateway_id, user_id, period, granted_requests, granted_tokens, granted_compute_ms, spent_requests, spent_tokens, spent_compute_ms, idle)`;
  return db.transaction().execute(async (transaction) => {
    await sql`
      update whs.usage_leases l set granted_requests = s.granted_requests, granted_tokens = s.granted_tokens, granted_compute_ms = s.granted_compute_ms,
        spent_requests = s.spent_requests, spent_tokens = s.spent_tokens, spent_compute_ms = s.spent_compute_ms, expires_at = now() + make_interval(secs => ${leaseSeconds})
      from ${input} where l.user_id = s.user_id and l.period = s.period and l.gateway_id = s.gateway_id`.execute(transaction);
    const { rows } = await sql<{ user_id: string; period: string }>`
      delete from whs.usage_leases l using ${input}
      where s.idle and l.user_id = s.user_id and l.period = s.period and l.gateway_id = s.gateway_id and l.settled_requests >= l.spent_requests and l.granted_requests = l.spent_requests
      returning l.user_id, l.period`.execute(transaction);
    return rows.map((row) => ({ userId: row.user_id, period: row.period }));
  });
}

/** What events settle of leases, in the transaction that counts the events. */
export async function settleLeases(transaction: Transaction<Schema>, settlements: readonly (LeaseKey & Amounts)[]): Promise<void> {
  if (settlements.length === 0) return;
  const ordered = settlements.toSorted((a, b) => (a.userId + a.period + a.gatewayId < b.userId + b.period + b.gatewayId ? -1 : 1));
  const column = <T>(pick: (settlement: LeaseKey & Amounts) => T): T[] => ordered.map(pick);
  await sql`
    update whs.usage_leases l set settled_requests = l.settled_requests + s.requests, settled_tokens = l.settled_tokens + s.tokens, settled_compute_ms = l.settled_compute_ms + s.compute_ms
    from unnest(${column((s) => s.gatewayId)}::text[], ${column((s) => s.userId)}::text[], ${column((s) => s.period)}::text[], ${column((s) => s.requests)}::int8[], ${column((s) => s.tokens)}::float8[],
      ${column((s) => s.computeMs)}::float8[]) as s (gateway_id, user_id, period, requests, tokens, compute_ms)
    where l.user_id = s.user_id and l.period = s.period and l.gateway_id = s.gateway_id`.execute(transaction);
}

/** Accepted and not yet counted, as gateways last said. */
export async function readPending(db: Kysely<Schema>, userId: string, period: string): Promise<Amounts> {
  const { rows } = await sql<UsedRow>`
    select coalesce(sum(greatest(0, spent_requests - settled_requests)), 0)::int8 as requests,
      coalesce(sum(case when spent_requests > settled_requests then greatest(0, spent_tokens - settled_tokens) else 0 end), 0) as tokens,
      coalesce(sum(case when spent_requests > settled_requests then greatest(0, spent_compute_ms - settled_compute_ms) else 0 end), 0) as compute_ms
    from whs.usage_leases where user_id = ${userId} and period = ${period}`.execute(db);
  const [row] = rows;
  return row === undefined ? nothing : { requests: row.requests, tokens: row.tokens, computeMs: row.compute_ms };
}

/** Gives back what gateways that are gone held: every event of theirs has come by now, so the rest was never used. */
export async function reclaimLeases(db: Kysely<Schema>, expiredForSeconds: number): Promise<number> {
  const { numAffectedRows } =
    await sql`delete from whs.usage_leases where expires_at < now() - make_interval(secs => ${expiredForSeconds})`.execute(db);
  return Number(numAffectedRows ?? 0n);
}

/** The hash of the plans that were last put into force. */
export async function findRecordedPlans(db: Kysely<Schema>): Promise<string | undefined> {
  const { rows } = await sql<{ sha256: string }>`
    select metadata ->> 'sha256' as sha256 from whs.audit_log where user_id is null and action = 'billing.plans_loaded' order by id desc limit 1`.execute(
    db,
  );
  return rows[0]?.sha256;
}
