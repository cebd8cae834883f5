import { type Kysely, sql, type Transaction } from "kysely";
import type { Row, Schema } from "../../database.ts";

export type SecretRefRow = Row<"whs.secret_refs">;

export function listSecretRefs(db: Kysely<Schema>, agentId: string): Promise<SecretRefRow[]> {
  return db.selectFrom("whs.secret_refs").selectAll().where("agent_id", "=", agentId).orderBy("key").execute();
}

/** @returns the references that are replaced, whose values nobody needs once the runtime has the new ones. */
export async function upsertSecretRefs(
  transaction: Transaction<Schema>,
  input: { agentId: string; userId: string; refs: ReadonlyMap<string, string> },
): Promise<string[]> {
  const keys = [...input.refs.keys()];
  const replaced = await transaction
    .selectFrom("whs.secret_refs")
    .select("store_ref")
    .where("agent_id", "=", input.agentId)
    .where("key", "in", keys)
    .execute();
  await transaction
    .insertInto("whs.secret_refs")
    .values(
      keys.map((key) => ({ agent_id: input.agentId, key, store_ref: input.refs.get(key) as string, version: 1, set_by: input.userId })),
    )
    .onConflict((conflict) =>
      conflict.columns(["agent_id", "key"]).doUpdateSet({
        store_ref: (eb) => eb.ref("excluded.store_ref"),
        version: sql`whs.secret_refs.version + 1`,
        set_at: sql`now()`,
        set_by: input.userId,
      }),
    )
    .execute();
  return replaced.map(({ store_ref }) => store_ref);
}

export async function deleteSecretRef(transaction: Transaction<Schema>, agentId: string, key: string): Promise<string | undefined> {
  const row = await transaction
    .deleteFrom("whs.secret_refs")
    .where("agent_id", "=", agentId)
    .where("key", "=", key)
    .returning("store_ref")
    .executeTakeFirst();
  return row?.store_ref;
}

export async function raiseSecretsRevision(transaction: Transaction<Schema>, agentId: string): Promise<void> {
  await transaction
    .updateTable("whs.agents")
    .set({ secrets_revision: sql`secrets_revision + 1` })
    .where("id", "=", agentId)
    .execute();
}

/** An agent of anyone, deleted ones included, with what its runtime needs to know of secrets. */
export async function secretsOfAgent(db: Kysely<Schema>, agentId: string) {
  const agent = await db
    .selectFrom("whs.agents")
    .select(["user_id", "runtime_provider", "secrets_revision", "deleted_at"])
    .where("id", "=", agentId)
    .executeTakeFirstOrThrow();
  const refs = await listSecretRefs(db, agentId);
  const deployments = await db
    .selectFrom("whs.deployments")
    .select("id")
    .where("agent_id", "=", agentId)
    .where("status", "in", ["active", "rolled_back"])
    .execute();
  return { agent, refs, deploymentIds: deployments.map(({ id }) => id) };
}

const refsAtOnce = 10_000;

/** References of all agents, and of values that are to be deleted once the runtime has those that replaced them. */
export async function readKnownRefs(db: Kysely<Schema>): Promise<Set<string>> {
  const known = new Set<string>();
  let after = { agent_id: "", key: "" };
  for (;;) {
    const rows = await db
      .selectFrom("whs.secret_refs")
      .select(["agent_id", "key", "store_ref"])
      .where((eb) => eb(eb.refTuple("agent_id", "key"), ">", eb.tuple(after.agent_id, after.key)))
      .orderBy("agent_id")
      .orderBy("key")
      .limit(refsAtOnce)
      .execute();
    for (const row of rows) known.add(row.store_ref);
    const last = rows.at(-1);
    if (last === undefined) break;
    after = last;
  }
  // Read last: a reference that is replaced meanwhile goes from the table into a job in one transaction.
  const { rows } = await sql<{ ref: string }>`
    select jsonb_array_elements_text(data -> 'replacedRefs') as ref from jobs.job where name = 'secrets.push' and state < 'completed'`.execute(
    db,
  );
  for (const { ref } of rows) known.add(ref);
  return known;
}

/** Keys of the secrets that an agent has. */
export async function setKeysOf(db: Kysely<Schema>, agentId: string): Promise<Set<string>> {
  const rows = await db.selectFrom("whs.secret_refs").select("key").where("agent_id", "=", agentId).execute();
  return new Set(rows.map(({ key }) => key));
}
