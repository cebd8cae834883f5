import type { AgentStatus, Tier } from "@whs/api";
import { type Kysely, sql, type Transaction } from "kysely";
import type { Row, Schema } from "../../database.ts";

export type UserRow = Row<"whs.users">;

/** Users of this external id, or else of this e-mail address, two at the most. */
export async function findUsers(db: Kysely<Schema>, emailOrExternalId: string): Promise<UserRow[]> {
  const byExternalId = await db.selectFrom("whs.users").selectAll().where("external_id", "=", emailOrExternalId).execute();
  if (byExternalId.length > 0) return byExternalId;
  return db
    .selectFrom("whs.users")
    .selectAll()
    .where((eb) => eb(eb.fn<string>("lower", ["email"]), "=", sql<string>`lower(${emailOrExternalId})`))
    .limit(2)
    .execute();
}

export function setTier(transaction: Transaction<Schema>, userId: string, tier: Tier): Promise<UserRow> {
  return transaction
    .updateTable("whs.users")
    .set({ subscription_tier: tier })
    .where("id", "=", userId)
    .returningAll()
    .executeTakeFirstOrThrow();
}

/** Keeps the time at which an account was disabled first. */
export function disable(transaction: Transaction<Schema>, userId: string, at: Date): Promise<UserRow> {
  return transaction
    .updateTable("whs.users")
    .set((eb) => ({ disabled_at: eb.fn.coalesce("disabled_at", eb.val(at)) }))
    .where("id", "=", userId)
    .returningAll()
    .executeTakeFirstOrThrow();
}

export function enable(transaction: Transaction<Schema>, userId: string): Promise<UserRow> {
  return transaction.updateTable("whs.users").set({ disabled_at: null }).where("id", "=", userId).returningAll().executeTakeFirstOrThrow();
}

export async function countUsers(db: Kysely<Schema>): Promise<{ tier: Tier; total: number; disabled: number }[]> {
  const rows = await db
    .selectFrom("whs.users")
    .select((eb) => ["subscription_tier as tier", eb.fn.countAll<number>().as("total"), eb.fn.count<number>("disabled_at").as("disabled")])
    .groupBy("subscription_tier")
    .execute();
  return rows;
}

export function countAgents(db: Kysely<Schema>): Promise<{ status: AgentStatus; total: number }[]> {
  return db
    .selectFrom("whs.agents")
    .select((eb) => ["status", eb.fn.countAll<number>().as("total")])
    .where("deleted_at", "is", null)
    .groupBy("status")
    .execute();
}

export async function countSubscriptions(db: Kysely<Schema>, statuses: readonly string[]): Promise<number> {
  const { total } = await db
    .selectFrom("whs.subscriptions")
    .select((eb) => eb.fn.countAll<number>().as("total"))
    .where("status", "in", statuses)
    .executeTakeFirstOrThrow();
  return total;
}

export interface UsageSums {
  requests: number;
  tokens: number;
  computeMs: number;
  errors: number;
  costUsdEstimated: number;
}

export async function sumUsage(db: Kysely<Schema>, period: string): Promise<UsageSums> {
  const { rows } = await sql<UsageSums>`
    select coalesce(sum(requests), 0)::int8 as requests, coalesce(sum(tokens), 0) as tokens, coalesce(sum(compute_ms), 0) as "computeMs",
      coalesce(sum(errors), 0)::int8 as errors, coalesce(sum(cost_usd_estimated), 0)::float8 as "costUsdEstimated"
    from whs.usage_counters where period = ${period}`.execute(db);
  const [sums] = rows;
  if (sums === undefined) throw new Error("A sum has no row");
  return sums;
}
