import type { Scope } from "@whs/api";
import { type Kysely, sql, type Transaction } from "kysely";
import type { Row, Schema } from "../../database.ts";

export type UserRow = Row<"whs.users">;
export type TokenRow = Row<"whs.api_tokens">;

export function findUserByExternalId(db: Kysely<Schema>, externalId: string): Promise<UserRow | undefined> {
  return db.selectFrom("whs.users").selectAll().where("external_id", "=", externalId).executeTakeFirst();
}

export async function findUser(db: Kysely<Schema>, id: string): Promise<UserRow> {
  return db.selectFrom("whs.users").selectAll().where("id", "=", id).executeTakeFirstOrThrow();
}

/** Creates the user at first sight and follows the issuer's e-mail address and name after that. */
export async function upsertUser(
  db: Kysely<Schema>,
  user: { id: string; externalId: string; email: string | null; name: string | null },
): Promise<UserRow> {
  return db
    .insertInto("whs.users")
    .values({ id: user.id, external_id: user.externalId, email: user.email, name: user.name })
    .onConflict((conflict) =>
      conflict.column("external_id").doUpdateSet({
        email: (eb) => eb.fn.coalesce("excluded.email", "whs.users.email"),
        name: (eb) => eb.fn.coalesce("excluded.name", "whs.users.name"),
      }),
    )
    .returningAll()
    .executeTakeFirstOrThrow();
}

/** The token of this hash with its owner, expired, revoked and disabled ones included. */
export function findTokenWithOwner(db: Kysely<Schema>, tokenSha256: Buffer) {
  return db
    .selectFrom("whs.api_tokens as token")
    .innerJoin("whs.users as owner", "owner.id", "token.user_id")
    .select([
      "token.id as token_id",
      "token.scopes",
      "token.expires_at",
      "token.revoked_at",
      "owner.id",
      "owner.external_id",
      "owner.email",
      "owner.name",
      "owner.subscription_tier",
      "owner.disabled_at",
    ])
    .where("token.token_sha256", "=", tokenSha256)
    .executeTakeFirst();
}

export async function insertToken(
  transaction: Transaction<Schema>,
  token: { id: string; userId: string; name: string; tokenSha256: Buffer; scopes: Scope[]; expiresAt: Date | null },
): Promise<TokenRow> {
  return transaction
    .insertInto("whs.api_tokens")
    .values({
      id: token.id,
      user_id: token.userId,
      name: token.name,
      token_sha256: token.tokenSha256,
      scopes: token.scopes,
      expires_at: token.expiresAt,
    })
    .returningAll()
    .executeTakeFirstOrThrow();
}

export function listTokens(db: Kysely<Schema>, userId: string, limit: number, after: string | undefined): Promise<TokenRow[]> {
  let query = db.selectFrom("whs.api_tokens").selectAll().where("user_id", "=", userId).where("revoked_at", "is", null);
  if (after !== undefined) query = query.where("id", "<", after);
  return query
    .orderBy("id", "desc")
    .limit(limit + 1)
    .execute();
}

/** @returns the token, or undefined when the user has no such living token. */
export function revokeToken(transaction: Transaction<Schema>, userId: string, id: string, at: Date): Promise<TokenRow | undefined> {
  return transaction
    .updateTable("whs.api_tokens")
    .set({ revoked_at: at })
    .where("id", "=", id)
    .where("user_id", "=", userId)
    .where("revoked_at", "is", null)
    .returningAll()
    .executeTakeFirst();
}

export async function touchTokens(db: Kysely<Schema>, uses: ReadonlyMap<string, Date>): Promise<void> {
  const ids = [...uses.keys()];
  const times = [...uses.values()];
  await sql`
    update whs.api_tokens t set last_used_at = greatest(t.last_used_at, used.at)
    from unnest(${ids}::text[], ${times}::timestamptz[]) as used (id, at) where t.id = used.id`.execute(db);
}

/** Those of the users whose accounts are disabled. */
export async function findDisabled(db: Kysely<Schema>, userIds: readonly string[]): Promise<string[]> {
  const rows = await db
    .selectFrom("whs.users")
    .select("id")
    .where("id", "in", [...userIds])
    .where("disabled_at", "is not", null)
    .execute();
  return rows.map(({ id }) => id);
}
