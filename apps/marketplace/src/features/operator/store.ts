import type { fleetprompt } from "@whs/api";
import { type Kysely, sql, type Transaction } from "kysely";
import type { Row, Schema } from "../../database.ts";

export type AccountRow = Row<"fleetprompt.users"> & { publisher_id: string | null };

const accounts = (db: Kysely<Schema>) =>
  db
    .selectFrom("fleetprompt.users as account")
    .leftJoin("fleetprompt.publisher_profiles as profile", "profile.user_id", "account.id")
    .selectAll("account")
    .select("profile.id as publisher_id");

/** Accounts of this external id, or else of this e-mail address, two at the most. */
export async function findAccounts(db: Kysely<Schema>, emailOrExternalId: string): Promise<AccountRow[]> {
  const byExternalId = await accounts(db).where("account.external_id", "=", emailOrExternalId).execute();
  if (byExternalId.length > 0) return byExternalId;
  return accounts(db)
    .where((eb) => eb(eb.fn<string>("lower", ["account.email"]), "=", sql<string>`lower(${emailOrExternalId})`))
    .where("account.email", "is not", null)
    .limit(2)
    .execute();
}

export async function addRole(transaction: Transaction<Schema>, userId: string, role: fleetprompt.Role): Promise<void> {
  await sql`
    update fleetprompt.users set roles = array(select distinct role from unnest(roles || ${role}::text) as role order by role desc)
    where id = ${userId}`.execute(transaction);
}

export async function removeRole(transaction: Transaction<Schema>, userId: string, role: fleetprompt.Role): Promise<void> {
  await sql`update fleetprompt.users set roles = array_remove(roles, ${role}::text) where id = ${userId}`.execute(transaction);
}

/** Keeps the time at which an account was disabled first. */
export async function setDisabled(transaction: Transaction<Schema>, userId: string, at: Date | null): Promise<void> {
  await transaction
    .updateTable("fleetprompt.users")
    .set((eb) => ({ disabled_at: at === null ? null : eb.fn.coalesce("disabled_at", eb.val(at)) }))
    .where("id", "=", userId)
    .execute();
}

export async function findAccount(db: Kysely<Schema>, userId: string): Promise<AccountRow> {
  return accounts(db).where("account.id", "=", userId).executeTakeFirstOrThrow();
}

export type PublisherRow = Row<"fleetprompt.publisher_profiles"> & { external_id: string; roles: fleetprompt.Role[] };

export function listPublishers(
  db: Kysely<Schema>,
  page: { limit: number; after: string | undefined; approved: boolean | undefined },
): Promise<PublisherRow[]> {
  let query = db
    .selectFrom("fleetprompt.publisher_profiles as profile")
    .innerJoin("fleetprompt.users as account", "account.id", "profile.user_id")
    .selectAll("profile")
    .select(["account.external_id", "account.roles"]);
  if (page.approved !== undefined)
    query = query.where((eb) => eb(sql<boolean>`'publisher' = any (account.roles)`, "=", page.approved ?? false));
  if (page.after !== undefined) query = query.where("profile.id", "<", page.after);
  return query
    .orderBy("profile.id", "desc")
    .limit(page.limit + 1)
    .execute();
}

/** @returns undefined when there is no such publisher */
export async function setVerification(
  transaction: Transaction<Schema>,
  publisherId: string,
  verification: { status: fleetprompt.VerificationStatus; reason: string | null; at: Date },
): Promise<PublisherRow | undefined> {
  const updated = await transaction
    .updateTable("fleetprompt.publisher_profiles")
    .set({ verification_status: verification.status, verification_reason: verification.reason, verification_checked_at: verification.at })
    .where("id", "=", publisherId)
    .returning("id")
    .executeTakeFirst();
  if (updated === undefined) return undefined;
  return transaction
    .selectFrom("fleetprompt.publisher_profiles as profile")
    .innerJoin("fleetprompt.users as account", "account.id", "profile.user_id")
    .selectAll("profile")
    .select(["account.external_id", "account.roles"])
    .where("profile.id", "=", publisherId)
    .executeTakeFirstOrThrow();
}

export interface Counts {
  users: { total: number; disabled: number; publishers: number; admins: number };
  listings: { status: fleetprompt.ListingStatus; total: number }[];
  releases: { published: number; revoked: number };
  openReports: number;
  installs: { intents: number; redemptions: number; installed: number; failed: number };
}

export async function countAll(db: Kysely<Schema>, since: Date): Promise<Counts> {
  const one = async <T>(query: ReturnType<typeof sql<T>>): Promise<T> => {
    const [row] = (await query.execute(db)).rows;
    if (row === undefined) throw new Error("A count has no row");
    return row;
  };
  const users = await one(sql<Counts["users"]>`
    select count(*) as total, count(disabled_at) as disabled, count(*) filter (where 'publisher' = any (roles)) as publishers,
      count(*) filter (where 'admin' = any (roles)) as admins from fleetprompt.users`);
  const listings = await sql<Counts["listings"][number]>`
    select status, count(*) as total from fleetprompt.listings group by status`.execute(db);
  const releases = await one(sql<Counts["releases"]>`
    select count(*) filter (where status = 'published') as published, count(*) filter (where status = 'revoked') as revoked
    from fleetprompt.releases`);
  const { open } = await one(sql<{ open: number }>`select count(*) as open from fleetprompt.reports where status = 'open'`);
  const installs = await one(sql<Counts["installs"]>`
    select count(*) as intents, count(*) filter (where status = 'redeemed') as redemptions,
      count(*) filter (where outcome = 'installed') as installed, count(*) filter (where outcome = 'failed') as failed
    from fleetprompt.install_intents where created_at >= ${since}`);
  return { users, listings: listings.rows, releases, openReports: open, installs };
}
