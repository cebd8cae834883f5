import { type Kysely, sql, type Transaction } from "kysely";
import type { Row, Schema } from "../../database.ts";

export type InstallRow = Row<"whs.installs">;

export function findInstall(db: Kysely<Schema>, userId: string, installIntentId: string): Promise<InstallRow | undefined> {
  return db
    .selectFrom("whs.installs")
    .selectAll()
    .where("install_intent_id", "=", installIntentId)
    .where("user_id", "=", userId)
    .executeTakeFirst();
}

/** The install that made this agent. */
export function findInstallOf(db: Kysely<Schema>, userId: string, agentId: string): Promise<InstallRow | undefined> {
  return db.selectFrom("whs.installs").selectAll().where("agent_id", "=", agentId).where("user_id", "=", userId).executeTakeFirst();
}

/** Whether the intent has its install; until the transaction ends, nobody else can find that out. */
export async function isTaken(transaction: Transaction<Schema>, installIntentId: string): Promise<boolean> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${`install:${installIntentId}`}, 0))`.execute(transaction);
  const row = await transaction
    .selectFrom("whs.installs")
    .select("install_intent_id")
    .where("install_intent_id", "=", installIntentId)
    .executeTakeFirst();
  return row !== undefined;
}

export async function insertInstall(
  transaction: Transaction<Schema>,
  install: {
    installIntentId: string;
    userId: string;
    agentId: string;
    listingId: string;
    releaseId: string;
    version: string;
    uploadId: string;
  },
): Promise<void> {
  await transaction
    .insertInto("whs.installs")
    .values({
      install_intent_id: install.installIntentId,
      user_id: install.userId,
      agent_id: install.agentId,
      listing_id: install.listingId,
      release_id: install.releaseId,
      release_version: install.version,
      upload_id: install.uploadId,
    })
    .execute();
}

export async function markAcknowledged(db: Kysely<Schema>, installIntentId: string, at: Date): Promise<void> {
  await db.updateTable("whs.installs").set({ acknowledged_at: at }).where("install_intent_id", "=", installIntentId).execute();
}

/** What is installed: another tenant's agent, because its owner offers it. */
export interface Source {
  agent: Row<"whs.agents">;
  upload: Row<"whs.uploads">;
}

/** The publisher's living, installable agent and the newest of its deployments that has these bytes. */
export async function findSource(
  db: Kysely<Schema>,
  wanted: { agentId: string; publisherExternalId: string; sha256: string },
): Promise<Source | undefined> {
  const agent = await db
    .selectFrom("whs.agents as agent")
    .innerJoin("whs.users as publisher", "publisher.id", "agent.user_id")
    .selectAll("agent")
    .where("agent.id", "=", wanted.agentId)
    .where("agent.deleted_at", "is", null)
    .where("agent.sharing", "=", "installable")
    .where("publisher.external_id", "=", wanted.publisherExternalId)
    .where("publisher.disabled_at", "is", null)
    .executeTakeFirst();
  if (agent === undefined) return undefined;
  const upload = await db
    .selectFrom("whs.deployments as deployment")
    .innerJoin("whs.uploads as upload", (join) => join.on(sql<boolean>`upload.id = deployment.artifact -> 'source' ->> 'uploadId'`))
    .selectAll("upload")
    .where("deployment.agent_id", "=", agent.id)
    .where("deployment.status", "in", ["active", "rolled_back"])
    .where("upload.user_id", "=", agent.user_id)
    .where("upload.sha256", "=", wanted.sha256)
    .orderBy("deployment.version", "desc")
    .limit(1)
    .executeTakeFirst();
  return upload === undefined ? undefined : { agent, upload };
}

export function findOwnUpload(db: Kysely<Schema>, userId: string, id: string) {
  return db.selectFrom("whs.uploads").selectAll().where("id", "=", id).where("user_id", "=", userId).executeTakeFirst();
}

/** The owner's names that begin like this one, in lower case. */
export async function takenNames(db: Kysely<Schema>, userId: string, wanted: string): Promise<Set<string>> {
  const rows = await db
    .selectFrom("whs.agents")
    .select(sql<string>`lower(name)`.as("name"))
    .where("user_id", "=", userId)
    .where("deleted_at", "is", null)
    .where(sql<boolean>`starts_with(lower(name), ${wanted.toLowerCase()})`)
    .execute();
  return new Set(rows.map(({ name }) => name));
}

export function newestDeployment(db: Kysely<Schema>, agentId: string) {
  return db
    .selectFrom("whs.deployments")
    .selectAll()
    .where("agent_id", "=", agentId)
    .orderBy("version", "desc")
    .limit(1)
    .executeTakeFirst();
}
