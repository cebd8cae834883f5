import type { fleetprompt } from "@whs/api";
import { type Insertable, type Kysely, sql, type Transaction, type Updateable } from "kysely";
import type { Row, Schema } from "../../database.ts";

export type IntentRow = Row<"fleetprompt.install_intents">;

/** The status of a listing and of one of its releases; undefined when they do not belong together. */
export function findInstallable(
  db: Kysely<Schema>,
  listingId: string,
  releaseId: string,
): Promise<{ listing_status: fleetprompt.ListingStatus; release_status: fleetprompt.ReleaseStatus } | undefined> {
  return db
    .selectFrom("fleetprompt.releases as release")
    .innerJoin("fleetprompt.listings as listing", "listing.id", "release.listing_id")
    .select(["listing.status as listing_status", "release.status as release_status"])
    .where("release.id", "=", releaseId)
    .where("listing.id", "=", listingId)
    .executeTakeFirst();
}

export function insertIntent(
  transaction: Transaction<Schema>,
  intent: Insertable<Schema["fleetprompt.install_intents"]>,
): Promise<IntentRow> {
  return transaction.insertInto("fleetprompt.install_intents").values(intent).returningAll().executeTakeFirstOrThrow();
}

export function findIntent(db: Kysely<Schema>, id: string): Promise<IntentRow | undefined> {
  return db.selectFrom("fleetprompt.install_intents").selectAll().where("id", "=", id).executeTakeFirst();
}

/** Whatever changes an intent or its tokens locks the intent first. */
export function lockIntent(transaction: Transaction<Schema>, id: string): Promise<IntentRow | undefined> {
  return transaction.selectFrom("fleetprompt.install_intents").selectAll().where("id", "=", id).forUpdate().executeTakeFirst();
}

export function updateIntent(
  transaction: Transaction<Schema>,
  id: string,
  changes: Updateable<Schema["fleetprompt.install_intents"]>,
): Promise<IntentRow> {
  return transaction.updateTable("fleetprompt.install_intents").set(changes).where("id", "=", id).returningAll().executeTakeFirstOrThrow();
}

export function listIntents(
  db: Kysely<Schema>,
  buyerUserId: string,
  page: { limit: number; after: string | undefined; status: fleetprompt.IntentStatus | undefined },
): Promise<IntentRow[]> {
  let query = db.selectFrom("fleetprompt.install_intents").selectAll().where("buyer_user_id", "=", buyerUserId);
  if (page.status !== undefined) query = query.where("status", "=", page.status);
  if (page.after !== undefined) query = query.where("id", "<", page.after);
  return query
    .orderBy("id", "desc")
    .limit(page.limit + 1)
    .execute();
}

export async function revokeIssuedTokens(transaction: Transaction<Schema>, intentId: string): Promise<void> {
  await transaction
    .updateTable("fleetprompt.install_tokens")
    .set({ status: "revoked" })
    .where("intent_id", "=", intentId)
    .where("status", "=", "issued")
    .execute();
}

export async function insertToken(
  transaction: Transaction<Schema>,
  token: { id: string; intentId: string; sha256: Buffer; expiresAt: Date; at: Date },
): Promise<void> {
  await transaction
    .insertInto("fleetprompt.install_tokens")
    .values({ id: token.id, intent_id: token.intentId, token_sha256: token.sha256, expires_at: token.expiresAt, created_at: token.at })
    .execute();
}

export interface TokenOwner {
  intent_id: string;
  buyer_user_id: string;
}

export function findTokenOwner(db: Kysely<Schema>, tokenSha256: Buffer): Promise<TokenOwner | undefined> {
  return db
    .selectFrom("fleetprompt.install_tokens as token")
    .innerJoin("fleetprompt.install_intents as intent", "intent.id", "token.intent_id")
    .select(["token.intent_id", "intent.buyer_user_id"])
    .where("token.token_sha256", "=", tokenSha256)
    .executeTakeFirst();
}

/** All that a target system gets to know of an install. */
export function findHandOff(transaction: Transaction<Schema>, tokenSha256: Buffer) {
  return (
    transaction
      .selectFrom("fleetprompt.install_tokens as token")
      .innerJoin("fleetprompt.install_intents as intent", "intent.id", "token.intent_id")
      .innerJoin("fleetprompt.users as buyer", "buyer.id", "intent.buyer_user_id")
      .innerJoin("fleetprompt.releases as release", "release.id", "intent.release_id")
      .innerJoin("fleetprompt.listings as listing", "listing.id", "intent.listing_id")
      .innerJoin("fleetprompt.users as publisher", "publisher.id", "listing.publisher_user_id")
      .select([
        "token.id as token_id",
        "token.status as token_status",
        "token.expires_at as token_expires_at",
        "intent.status as intent_status",
        "intent.target_system",
        "buyer.external_id as buyer_external_id",
        "buyer.disabled_at as buyer_disabled_at",
        "publisher.external_id as publisher_external_id",
        "listing.id as listing_id",
        "listing.status as listing_status",
        "listing.asset_kind",
        "listing.name",
        "release.id as release_id",
        "release.status as release_status",
        "release.version",
        "release.refs",
        "release.compat",
        "release.artifacts",
      ])
      .where("token.token_sha256", "=", tokenSha256)
      // A revocation that is under way ends before it is decided.
      .forShare(["release", "listing"])
      .executeTakeFirst()
  );
}

export type HandOff = NonNullable<Awaited<ReturnType<typeof findHandOff>>>;

export async function spendToken(transaction: Transaction<Schema>, tokenId: string, at: Date): Promise<void> {
  await transaction
    .updateTable("fleetprompt.install_tokens")
    .set({ status: "redeemed", redeemed_at: at })
    .where("id", "=", tokenId)
    .execute();
}

const rowsAtOnce = 1_000;

/** Ends intents and tokens whose time is over. @returns the intents */
export async function expire(transaction: Transaction<Schema>, now: Date): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    update fleetprompt.install_intents set status = 'expired', updated_at = ${now} where id in (
      select id from fleetprompt.install_intents where status in ('created', 'token_issued') and expires_at <= ${now}
      limit ${rowsAtOnce} for update skip locked)
    returning id`.execute(transaction);
  return rows.map((row) => row.id);
}

/** Tokens whose own time is over, or whose intent's is. */
export async function expireTokens(transaction: Transaction<Schema>, now: Date): Promise<void> {
  await sql`
    update fleetprompt.install_tokens set status = 'expired' where id in (
      select t.id from fleetprompt.install_tokens t join fleetprompt.install_intents i on i.id = t.intent_id
      where t.status = 'issued' and (t.expires_at <= ${now} or i.status = 'expired') order by t.expires_at limit ${rowsAtOnce}
      for update of t skip locked)`.execute(transaction);
}

/** @returns how many rows went */
export async function deleteOldTokens(db: Kysely<Schema>, expiredBefore: Date): Promise<number> {
  const { numAffectedRows } = await sql`
    delete from fleetprompt.install_tokens where id in (
      select id from fleetprompt.install_tokens where expires_at < ${expiredBefore} limit ${rowsAtOnce})`.execute(db);
  return Number(numAffectedRows ?? 0n);
}

export async function deleteOldIntents(db: Kysely<Schema>, createdBefore: Date): Promise<number> {
  const { numAffectedRows } = await sql`
    delete from fleetprompt.install_intents where id in (
      select id from fleetprompt.install_intents where created_at < ${createdBefore} limit ${rowsAtOnce})`.execute(db);
  return Number(numAffectedRows ?? 0n);
}
