import type { Agent, AgentStatus, RuntimeProviderName } from "@whs/api";
import type { Kysely, Transaction, Updateable } from "kysely";
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

export function listAgents(db: Kysely<Schema>, userId: string, limit: number, after: string | undefined): Promise<AgentRow[]> {
  let query = db.selectFrom("whs.agents").selectAll().where("user_id", "=", userId).where("deleted_at", "is", null);
  if (after !== undefined) query = query.where("id", "<", after);
  return query
    .orderBy("id", "desc")
    .limit(limit + 1)
    .execute();
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
