import type { Agent, AgentOrder, AgentStatus, RuntimeProviderName } from "@whs/api";
import { type Kysely, sql, type Transaction, type Updateable } from "kysely";
import type { Row, Schema } from "../../database.ts";

export type AgentRow = Row<"whs.agents">;

export function findAgent(db: Kysely<Schema>, userId: string, id: string): Promise<AgentRow | undefined> {
  return db
    .selectFrom("whs.agents")
    .selectAll()
    .where("id", "=", id)
    .where("user_id", "=", userId)
    .where("deleted_at", "is", null)
    .executeTakeFirst();
}

export function lockAgent(transaction: Transaction<Schema>, userId: string, id: string): Promise<AgentRow | undefined> {
  return transaction
    .selectFrom("whs.agents")
    .selectAll()
    .where("id", "=", id)
    .where("user_id", "=", userId)
    .where("deleted_at", "is", null)
    .forUpdate()
    .executeTakeFirst();
}

export interface AgentsWanted {
  userId: string;
  limit: number;
  order: AgentOrder;
  /** `position` of the last agent of the page before, in the same order. */
  after?: string | undefined;
  /** In name or description, whatever the case. */
  text?: string | undefined;
  status?: AgentStatus | undefined;
  runtimeProvider?: RuntimeProviderName | undefined;
}

/** What each order goes by, as it is indexed, and how a place in it is written down. */
const orders = {
  createdAt: { by: [sql`id`], position: sql<string>`id`, after: (position: string) => [sql`${position}`] },
  name: { by: [sql`lower(name)`], position: sql<string>`lower(name)`, after: (position: string) => [sql`${position}`] },
  lastDeployedAt: {
    by: [sql`coalesce(last_deployed_at, '-infinity')`, sql`id`],
    position: sql<string>`coalesce(last_deployed_at, '-infinity')::text || '/' || id`,
    after(position: string) {
      const [time, id] = position.split("/");
      return [sql`${time}::timestamptz`, sql`${id}`];
    },
  },
};

export function listAgents(db: Kysely<Schema>, wanted: AgentsWanted): Promise<(AgentRow & { position: string })[]> {
  const order = orders[wanted.order.replace(/^-/, "") as keyof typeof orders];
  const [direction, isBeyond] = wanted.order.startsWith("-") ? (["desc", sql`<`] as const) : (["asc", sql`>`] as const);
  let query = db
    .selectFrom("whs.agents")
    .selectAll()
    .select(order.position.as("position"))
    .where("user_id", "=", wanted.userId)
    .where("deleted_at", "is", null);
  if (wanted.status !== undefined) query = query.where("status", "=", wanted.status);
  if (wanted.runtimeProvider !== undefined) query = query.where("runtime_provider", "=", wanted.runtimeProvider);
  if (wanted.text !== undefined)
    query = query.where(sql<boolean>`position(lower(${wanted.text}) in lower(name || chr(10) || coalesce(description, ''))) > 0`);
  if (wanted.after !== undefined)
    query = query.where(sql<boolean>`(${sql.join(order.by)}) ${isBeyond} (${sql.join(order.after(wanted.after))})`);
  for (const key of order.by) query = query.orderBy(key, direction);
  return query.limit(wanted.limit + 1).execute();
}

/** Those that can be invoked now, newest first. */
export function listServingAgents(db: Kysely<Schema>, userId: string, limit: number): Promise<AgentRow[]> {
  return db
    .selectFrom("whs.agents")
    .selectAll()
    .where("user_id", "=", userId)
    .where("deleted_at", "is", null)
    .where("active_deployment_id", "is not", null)
    .where("status", "<>", "disabled")
    .orderBy("id", "desc")
    .limit(limit)
    .execute();
}

/** Locks the owner's row, so that two creations at once cannot pass a limit together. */
export async function countLivingAgents(transaction: Transaction<Schema>, userId: string): Promise<number> {
  await transaction.selectFrom("whs.users").select("id").where("id", "=", userId).forUpdate().executeTakeFirstOrThrow();
  const { count } = await transaction
    .selectFrom("whs.agents")
    .select((eb) => eb.fn.countAll<number>().as("count"))
    .where("user_id", "=", userId)
    .where("deleted_at", "is", null)
    .executeTakeFirstOrThrow();
  return count;
}

export interface NewAgent {
  id: string;
  userId: string;
  name: string;
  description: string | null;
  framework: string | null;
  runtimeProvider: RuntimeProviderName;
  envVarKeys: string[];
  providerConfig: Agent["providerConfig"];
}

export function insertAgent(transaction: Transaction<Schema>, agent: NewAgent): Promise<AgentRow> {
  return transaction
    .insertInto("whs.agents")
    .values({
      id: agent.id,
      user_id: agent.userId,
      name: agent.name,
      description: agent.description,
      framework: agent.framework,
      runtime_provider: agent.runtimeProvider,
      env_var_keys: agent.envVarKeys,
      provider_config: JSON.stringify(agent.providerConfig),
    })
    .returningAll()
    .executeTakeFirstOrThrow();
}

export function updateAgent(transaction: Transaction<Schema>, id: string, changes: Updateable<Schema["whs.agents"]>): Promise<AgentRow> {
  return transaction
    .updateTable("whs.agents")
    .set({ ...changes, updated_at: new Date() })
    .where("id", "=", id)
    .returningAll()
    .executeTakeFirstOrThrow();
}

export function setAgentStatus(transaction: Transaction<Schema>, id: string, status: AgentStatus): Promise<AgentRow> {
  return updateAgent(transaction, id, { status });
}

export async function keysWithSecret(db: Kysely<Schema>, agentId: string): Promise<string[]> {
  const rows = await db.selectFrom("whs.secret_refs").select("key").where("agent_id", "=", agentId).execute();
  return rows.map(({ key }) => key);
}

export function secretRefsOf(db: Kysely<Schema>, agentId: string): Promise<{ key: string; store_ref: string }[]> {
  return db.selectFrom("whs.secret_refs").select(["key", "store_ref"]).where("agent_id", "=", agentId).execute();
}

/** Removes the names of secrets and the sessions of a deleted agent. */
export async function deleteBelongings(transaction: Transaction<Schema>, agentId: string): Promise<void> {
  await transaction.deleteFrom("whs.secret_refs").where("agent_id", "=", agentId).execute();
  await transaction.deleteFrom("whs.sessions").where("agent_id", "=", agentId).execute();
}
