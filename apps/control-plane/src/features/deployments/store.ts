import type { Deployment, DeploymentStatus, RuntimeProviderName } from "@whs/api";
import type { AgentManifest } from "@whs/artifact";
import { type Kysely, sql, type Transaction } from "kysely";
import type { Row, Schema, TelemetryAuthRef } from "../../database.ts";

export type DeploymentRow = Row<"whs.deployments">;

export function findDeployment(db: Kysely<Schema>, userId: string, id: string): Promise<DeploymentRow | undefined> {
  return db
    .selectFrom("whs.deployments as deployment")
    .innerJoin("whs.agents as agent", "agent.id", "deployment.agent_id")
    .selectAll("deployment")
    .where("deployment.id", "=", id)
    .where("deployment.user_id", "=", userId)
    .where("agent.deleted_at", "is", null)
    .executeTakeFirst();
}

/** For jobs, which act for the system. */
export function findAnyDeployment(db: Kysely<Schema>, id: string): Promise<DeploymentRow | undefined> {
  return db.selectFrom("whs.deployments").selectAll().where("id", "=", id).executeTakeFirst();
}

export function lockDeployment(transaction: Transaction<Schema>, agentId: string, id: string): Promise<DeploymentRow | undefined> {
  return transaction
    .selectFrom("whs.deployments")
    .selectAll()
    .where("id", "=", id)
    .where("agent_id", "=", agentId)
    .forUpdate()
    .executeTakeFirst();
}

/** Newest version first; `after` is the version that the page before ended with. */
export function listDeployments(db: Kysely<Schema>, agentId: string, limit: number, after: number | undefined): Promise<DeploymentRow[]> {
  let query = db.selectFrom("whs.deployments").selectAll().where("agent_id", "=", agentId);
  if (after !== undefined) query = query.where("version", "<", after);
  return query
    .orderBy("version", "desc")
    .limit(limit + 1)
    .execute();
}

export interface NewDeployment {
  id: string;
  userId: string;
  agentId: string;
  version: number;
  runtimeProvider: RuntimeProviderName;
  setAsActive: boolean;
  agentStatusBefore: "created" | "active" | "error";
  commitHash: string | null;
  artifact: Deployment["artifact"];
  manifest: AgentManifest | null;
  telemetryAuthRef: TelemetryAuthRef;
}

export function insertDeployment(transaction: Transaction<Schema>, deployment: NewDeployment): Promise<DeploymentRow> {
  return transaction
    .insertInto("whs.deployments")
    .values({
      id: deployment.id,
      user_id: deployment.userId,
      agent_id: deployment.agentId,
      version: deployment.version,
      runtime_provider: deployment.runtimeProvider,
      set_as_active: deployment.setAsActive,
      agent_status_before: deployment.agentStatusBefore,
      commit_hash: deployment.commitHash,
      artifact: JSON.stringify(deployment.artifact),
      manifest: deployment.manifest === null ? null : JSON.stringify(deployment.manifest),
      telemetry_auth_ref: JSON.stringify(deployment.telemetryAuthRef),
      deployed_by: deployment.userId,
    })
    .returningAll()
    .executeTakeFirstOrThrow();
}

export function finishDeployment(
  transaction: Transaction<Schema>,
  id: string,
  result: {
    providerRef: Deployment["providerRef"];
    container: NonNullable<Deployment["artifact"]["agentcoreContainer"]> | undefined;
    at: Date;
  },
): Promise<DeploymentRow> {
  return transaction
    .updateTable("whs.deployments")
    .set({
      status: "active",
      provider_ref: JSON.stringify(result.providerRef),
      deployed_at: result.at,
      finished_at: result.at,
      ...(result.container === undefined
        ? {}
        : { artifact: sql<string>`artifact || ${JSON.stringify({ agentcoreContainer: result.container })}::jsonb` }),
    })
    .where("id", "=", id)
    .returningAll()
    .executeTakeFirstOrThrow();
}

export function failDeployment(
  transaction: Transaction<Schema>,
  id: string,
  failure: { message: string; at: Date },
): Promise<DeploymentRow> {
  return transaction
    .updateTable("whs.deployments")
    .set({ status: "failed", error_message: failure.message, finished_at: failure.at })
    .where("id", "=", id)
    .returningAll()
    .executeTakeFirstOrThrow();
}

/** Fills in, once, what a repository turned out to be. */
export function setResolved(
  transaction: Transaction<Schema>,
  id: string,
  resolved: NonNullable<Deployment["artifact"]["resolved"]>,
  manifest: AgentManifest,
): Promise<DeploymentRow> {
  return transaction
    .updateTable("whs.deployments")
    .set({
      artifact: sql<string>`artifact || ${JSON.stringify({ resolved })}::jsonb`,
      manifest: JSON.stringify(manifest),
    })
    .where("id", "=", id)
    .returningAll()
    .executeTakeFirstOrThrow();
}

export function setDeploymentStatus(transaction: Transaction<Schema>, id: string, status: DeploymentStatus): Promise<DeploymentRow> {
  return transaction.updateTable("whs.deployments").set({ status }).where("id", "=", id).returningAll().executeTakeFirstOrThrow();
}

export function setTelemetryAuthRef(transaction: Transaction<Schema>, id: string, ref: TelemetryAuthRef): Promise<DeploymentRow> {
  return transaction
    .updateTable("whs.deployments")
    .set({ telemetry_auth_ref: JSON.stringify(ref) })
    .where("id", "=", id)
    .returningAll()
    .executeTakeFirstOrThrow();
}

/** Deploys that have been running for longer than any deploy may. */
export async function listStuckDeployments(db: Kysely<Schema>, since: Date) {
  return db
    .selectFrom("whs.deployments")
    .select(["id", "user_id", "agent_id", "runtime_provider", "created_at"])
    .where("status", "=", "deploying")
    .where("created_at", "<", since)
    .limit(100)
    .execute();
}

export async function insertLogLines(
  db: Kysely<Schema>,
  lines: readonly {
    id: string;
    deploymentId: string;
    agentId: string;
    traceId: string | null;
    at: Date;
    source: "deploy" | "agent";
    level: "debug" | "info" | "warn" | "error";
    message: string;
  }[],
): Promise<void> {
  if (lines.length === 0) return;
  await db
    .insertInto("whs.agent_log_lines")
    .values(
      lines.map((line) => ({
        day: line.at.toISOString().slice(0, 10),
        id: line.id,
        deployment_id: line.deploymentId,
        agent_id: line.agentId,
        trace_id: line.traceId,
        at: line.at,
        source: line.source,
        level: line.level,
        message: line.message,
      })),
    )
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

export type LogLineRow = Row<"whs.agent_log_lines">;

/** Newest first with `before`, oldest first with `after`: one for pages, the other to follow. */
export function listLogLines(
  db: Kysely<Schema>,
  deploymentId: string,
  limit: number,
  position: { before?: string | undefined; after?: string | undefined },
): Promise<LogLineRow[]> {
  let query = db.selectFrom("whs.agent_log_lines").selectAll().where("deployment_id", "=", deploymentId);
  if (position.before !== undefined) query = query.where("id", "<", position.before);
  if (position.after !== undefined) query = query.where("id", ">", position.after);
  return query
    .orderBy("id", position.after === undefined ? "desc" : "asc")
    .limit(limit)
    .execute();
}

export async function deploymentIdsOf(db: Kysely<Schema>, agentId: string): Promise<string[]> {
  const rows = await db.selectFrom("whs.deployments").select("id").where("agent_id", "=", agentId).execute();
  return rows.map(({ id }) => id);
}

/** Which of these deployments exist for these agents: what a supervisor sends is checked against it. */
export async function findLogOwners(db: Kysely<Schema>, deploymentIds: readonly string[]): Promise<Map<string, string>> {
  const rows = await db
    .selectFrom("whs.deployments")
    .select(["id", "agent_id"])
    .where("id", "in", [...deploymentIds])
    .execute();
  return new Map(rows.map((row) => [row.id, row.agent_id]));
}

export function findUpload(db: Kysely<Schema>, userId: string, id: string, now: Date) {
  return db
    .selectFrom("whs.uploads")
    .selectAll()
    .where("id", "=", id)
    .where("user_id", "=", userId)
    .where("expires_at", ">", now)
    .executeTakeFirst();
}

/** For jobs: the upload stays as long as a deployment refers to it. */
export function findUploadOfDeployment(db: Kysely<Schema>, id: string) {
  return db.selectFrom("whs.uploads").selectAll().where("id", "=", id).executeTakeFirst();
}

/** Whether these bytes are the copy that an install from the marketplace has made, whichever agent they are deployed to. */
export async function isInstalledBundle(db: Kysely<Schema>, userId: string, uploadId: string): Promise<boolean> {
  const row = await db
    .selectFrom("whs.installs")
    .select("install_intent_id")
    .where("user_id", "=", userId)
    .where("upload_id", "=", uploadId)
    .executeTakeFirst();
  return row !== undefined;
}

/** What the author set for the runtime, and the owner's plan. */
export function findSettings(db: Kysely<Schema>, agentId: string) {
  return db
    .selectFrom("whs.agents as agent")
    .innerJoin("whs.users as owner", "owner.id", "agent.user_id")
    .select(["agent.provider_config", "owner.subscription_tier"])
    .where("agent.id", "=", agentId)
    .executeTakeFirstOrThrow();
}
