import type { Kysely } from "kysely";
import type { Caller } from "../../context.ts";
import type { Schema } from "../../database.ts";
import { refusedAccount } from "./authenticate.ts";
import { findUser, findUserByExternalId, type UserRow } from "./store.ts";

/**
 * The user whom a trusted service acts for. Unlike a sign-in, this creates nobody.
 * @returns undefined for a subject that was never seen
 * @throws AppError `UNAUTHORIZED` when the account is disabled
 */
export async function actFor(db: Kysely<Schema>, externalId: string, source: string): Promise<Caller | undefined> {
  const row = await findUserByExternalId(db, externalId);
  if (row === undefined) return undefined;
  return acting(row, { kind: "delegation", source });
}

/**
 * The owner of an agent that calls another one.
 * @throws AppError `UNAUTHORIZED` when the account is disabled
 */
export async function actForAgent(db: Kysely<Schema>, userId: string, agentId: string): Promise<Caller> {
  return acting(await findUser(db, userId), { kind: "agent", agentId });
}

function acting(row: UserRow, credential: Caller["credential"]): Caller {
  if (row.disabled_at !== null) throw refusedAccount();
  const user = { id: row.id, externalId: row.external_id, email: row.email, name: row.name, tier: row.subscription_tier };
  return { user, credential, scopes: new Set(["invoke"]) };
}
