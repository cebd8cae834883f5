import type { RuntimeProviderName } from "@whs/api";
import { type Kysely, sql, type Transaction } from "kysely";
import type { Row, Schema } from "../../database.ts";

type SessionRow = Row<"whs.sessions">;

export function findSession(db: Kysely<Schema>, id: string): Promise<Pick<SessionRow, "expires_at" | "ended_at"> | undefined> {
  return db.selectFrom("whs.sessions").select(["expires_at", "ended_at"]).where("id", "=", id).executeTakeFirst();
}

/** Those that can be continued, newest first. `position` names a place in the list. */
export function listSessions(
  db: Kysely<Schema>,
  { agentId, now, limit, after }: { agentId: string; now: Date; limit: number; after?: string | undefined },
): Promise<(SessionRow & { position: string })[]> {
  const [time, id] = after?.split("/") ?? [];
  return (
    db
      .selectFrom("whs.sessions")
      .selectAll()
      // To the microsecond, which a `Date` does not hold.
      .select(sql<string>`created_at::text || '/' || id`.as("position"))
      .where("agent_id", "=", agentId)
      .where("ended_at", "is", null)
      .where("expires_at", ">", now)
      .$if(after !== undefined, (query) => query.where(sql<boolean>`(created_at, id) < (${time}::timestamptz, ${id})`))
      .orderBy("created_at", "desc")
      .orderBy("id", "desc")
      .limit(limit + 1)
      .execute()
  );
}

export async function hasSession(db: Kysely<Schema>, agentId: string, id: string): Promise<boolean> {
  const row = await db.selectFrom("whs.sessions").select("id").where("id", "=", id).where("agent_id", "=", agentId).executeTakeFirst();
  return row !== undefined;
}

/** Marks a session as ended, also one that has no row. A mark that is there stays. */
export async function markEnded(
  transaction: Transaction<Schema>,
  session: { id: string; userId: string; agentId: string; runtimeProvider: RuntimeProviderName; expiresAt: Date },
  now: Date,
): Promise<void> {
  await transaction
    .insertInto("whs.sessions")
    .values({
      id: session.id,
      user_id: session.userId,
      agent_id: session.agentId,
      runtime_provider: session.runtimeProvider,
      provider_session_id: session.id,
      created_at: now,
      last_used_at: now,
      expires_at: session.expiresAt,
      ended_at: now,
    })
    .onConflict((conflict) =>
      conflict
        .column("id")
        .doUpdateSet((eb) => ({ ended_at: now, expires_at: eb.fn("greatest", ["whs.sessions.expires_at", "excluded.expires_at"]) }))
        .where("whs.sessions.ended_at", "is", null),
    )
    .execute();
  await transaction
    .updateTable("whs.agents")
    .set({ sessions_ended_at: sql`greatest(sessions_ended_at, ${now})` })
    .where("id", "=", session.agentId)
    .execute();
}

export async function forgetSession(transaction: Transaction<Schema>, id: string): Promise<void> {
  await transaction.deleteFrom("whs.sessions").where("id", "=", id).execute();
}

/** The oldest first; `after` is the last of the page before. */
export async function listExpiredSessions(db: Kysely<Schema>, now: Date, after?: { expires_at: Date; id: string }) {
  return db
    .selectFrom("whs.sessions")
    .select(["id", "user_id", "agent_id", "runtime_provider", "provider_session_id", "expires_at"])
    .where("expires_at", "<", now)
    .$if(after !== undefined, (query) => query.where(sql<boolean>`(expires_at, id) > (${after?.expires_at}, ${after?.id})`))
    .orderBy("expires_at")
    .orderBy("id")
    .limit(200)
    .execute();
}

export async function deleteSession(db: Kysely<Schema>, id: string, now: Date): Promise<void> {
  await db.deleteFrom("whs.sessions").where("id", "=", id).where("expires_at", "<", now).execute();
}
