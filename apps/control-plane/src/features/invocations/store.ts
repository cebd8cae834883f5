import { idTimeMs } from "@whs/platform/ids";
import { type Kysely, sql } from "kysely";
import type { Schema } from "../../database.ts";
import type { InvocationRecord } from "./record.ts";
import type { Route } from "./routing.ts";

export async function findRoute(db: Kysely<Schema>, agentId: string): Promise<Route | undefined> {
  const row = await db
    .selectFrom("whs.agents as agent")
    .leftJoin("whs.deployments as deployment", "deployment.id", "agent.active_deployment_id")
    .select([
      "agent.id",
      "agent.user_id",
      "agent.name",
      "agent.status",
      "agent.runtime_provider",
      "agent.sessions_ended_at",
      "deployment.id as deployment_id",
      "deployment.manifest",
      "deployment.provider_ref",
    ])
    .where("agent.id", "=", agentId)
    .where("agent.deleted_at", "is", null)
    .executeTakeFirst();
  if (row === undefined) return undefined;
  return {
    agentId: row.id,
    userId: row.user_id,
    name: row.name,
    status: row.status,
    runtimeProvider: row.runtime_provider,
    sessionsEndedAt: row.sessions_ended_at,
    active:
      row.deployment_id === null
        ? null
        : {
            deploymentId: row.deployment_id,
            sessionful: row.manifest?.sessionful ?? true,
            tools: {
              codeInterpreter: row.manifest?.capabilities.codeInterpreter === true,
              browser: row.manifest?.capabilities.browser === true,
            },
            providerRef: row.provider_ref,
          },
  };
}

export async function findAgentId(db: Kysely<Schema>, userId: string, name: string): Promise<string | undefined> {
  const row = await db
    .selectFrom("whs.agents")
    .select("id")
    .where("user_id", "=", userId)
    // As it is indexed.
    .where(sql`lower(name)`, "=", name.toLowerCase())
    .where("name", "=", name)
    .where("deleted_at", "is", null)
    .executeTakeFirst();
  return row?.id;
}

/** Writes many records in one statement each for invocations and sessions. */
export async function insertInvocations(db: Kysely<Schema>, records: readonly InvocationRecord[], sessionIdleMs: number): Promise<void> {
  const column = <T>(pick: (record: InvocationRecord) => T): T[] => records.map(pick);
  await db.transaction().execute(async (transaction) => {
    await sql`
      insert into whs.invocations (day, id, user_id, agent_id, deployment_id, runtime_provider, trace_id, started_at, duration_ms, status_code, error_code, error_message, session_hash)
      select * from unnest(
        ${column((r) => dayOf(r.id))}::date[], ${column((r) => r.id)}::text[], ${column((r) => r.userId)}::text[], ${column((r) => r.agentId)}::text[],
        ${column((r) => r.deploymentId)}::text[], ${column((r) => r.runtimeProvider)}::text[], ${column((r) => r.traceId)}::text[], ${column((r) => r.startedAt)}::timestamptz[],
        ${column((r) => r.durationMs)}::float8[], ${column((r) => r.statusCode)}::int2[], ${column((r) => r.errorCode)}::text[], ${column((r) => r.errorMessage)}::text[],
        ${column((r) => r.sessionHash)}::bytea[])
      on conflict do nothing`.execute(transaction);
    const sessions = lastUses(records);
    if (sessions.length === 0) return;
    const expiresAt = (record: InvocationRecord): Date => new Date(record.startedAt.getTime() + record.durationMs + sessionIdleMs);
    await sql`
      insert into whs.sessions (id, user_id, agent_id, runtime_provider, provider_session_id, last_used_at, expires_at)
      select * from unnest(
        ${sessions.map((r) => r.sessionId)}::text[], ${sessions.map((r) => r.userId)}::text[], ${sessions.map((r) => r.agentId)}::text[], ${sessions.map((r) => r.runtimeProvider)}::text[],
        ${sessions.map((r) => r.sessionId)}::text[], ${sessions.map((r) => r.startedAt)}::timestamptz[], ${sessions.map(expiresAt)}::timestamptz[])
      on conflict (id) do update set last_used_at = greatest(whs.sessions.last_used_at, excluded.last_used_at), expires_at = greatest(whs.sessions.expires_at, excluded.expires_at)`.execute(
      transaction,
    );
  });
}

/** A record and its telemetry event bear the same id, and are filed under the id's own day. */
function dayOf(id: string): string {
  return new Date(idTimeMs(id)).toISOString().slice(0, 10);
}

/** One record a session, the latest, in a fixed order so that two writers cannot lock each other out. */
function lastUses(records: readonly InvocationRecord[]): InvocationRecord[] {
  const bySession = new Map<string, InvocationRecord>();
  for (const record of records) if (record.sessionStored && record.sessionId !== null) bySession.set(record.sessionId, record);
  return [...bySession.values()].toSorted((a, b) => ((a.sessionId as string) < (b.sessionId as string) ? -1 : 1));
}

/** Whether one of the agents runs the code of somebody else: what its owner has installed from the marketplace. */
export async function isAnyInstalled(db: Kysely<Schema>, userId: string, agentIds: readonly string[]): Promise<boolean> {
  const row = await db
    .selectFrom("whs.agents as agent")
    .innerJoin("whs.deployments as deployment", "deployment.id", "agent.active_deployment_id")
    .innerJoin("whs.installs as install", (join) =>
      join.on("install.user_id", "=", userId).on("install.upload_id", "=", sql<string>`deployment.artifact#>>'{source,uploadId}'`),
    )
    .select("agent.id")
    .where("agent.user_id", "=", userId)
    .where("agent.id", "in", agentIds)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}
