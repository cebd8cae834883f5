import type { fleetprompt } from "@whs/api";
import type { Insertable, Kysely, Transaction, Updateable } from "kysely";
import type { Row, Schema } from "../../database.ts";

/** Without what only the search reads. */
const columns = [
  "id",
  "publisher_id",
  "publisher_user_id",
  "asset_kind",
  "status",
  "status_before_suspension",
  "name",
  "summary",
  "description_markdown",
  "tags",
  "categories",
  "images",
  "docs_url",
  "repo_url",
  "moderation_flagged",
  "moderation_reason",
  "created_at",
  "updated_at",
] as const;
export type ListingRow = Pick<Row<"fleetprompt.listings">, (typeof columns)[number]>;

export function findListing(db: Kysely<Schema>, id: string): Promise<ListingRow | undefined> {
  return db.selectFrom("fleetprompt.listings").select(columns).where("id", "=", id).executeTakeFirst();
}

/** Every change of a listing or its releases waits for the one before. */
export function lockListing(transaction: Transaction<Schema>, id: string): Promise<ListingRow | undefined> {
  return transaction.selectFrom("fleetprompt.listings").select(columns).where("id", "=", id).forUpdate().executeTakeFirst();
}

export function listListings(
  db: Kysely<Schema>,
  publisherUserId: string,
  page: { limit: number; after: string | undefined; status: fleetprompt.ListingStatus | undefined },
): Promise<ListingRow[]> {
  let query = db.selectFrom("fleetprompt.listings").select(columns).where("publisher_user_id", "=", publisherUserId);
  if (page.status !== undefined) query = query.where("status", "=", page.status);
  if (page.after !== undefined) query = query.where("id", "<", page.after);
  return query
    .orderBy("id", "desc")
    .limit(page.limit + 1)
    .execute();
}

export function insertListing(transaction: Transaction<Schema>, listing: Insertable<Schema["fleetprompt.listings"]>): Promise<ListingRow> {
  return transaction.insertInto("fleetprompt.listings").values(listing).returning(columns).executeTakeFirstOrThrow();
}

export async function updateListing(
  transaction: Transaction<Schema>,
  id: string,
  changes: Updateable<Schema["fleetprompt.listings"]>,
): Promise<void> {
  await transaction.updateTable("fleetprompt.listings").set(changes).where("id", "=", id).execute();
}

export async function hasPublishedRelease(transaction: Transaction<Schema>, listingId: string): Promise<boolean> {
  const row = await transaction
    .selectFrom("fleetprompt.releases")
    .select("id")
    .where("listing_id", "=", listingId)
    .where("status", "=", "published")
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

/** Those of the pictures that the publisher has uploaded. */
export async function findOwnImages(
  transaction: Transaction<Schema>,
  publisherUserId: string,
  sha256s: readonly string[],
): Promise<Set<string>> {
  if (sha256s.length === 0) return new Set();
  const rows = await transaction
    .selectFrom("fleetprompt.images")
    .select("sha256")
    .where("publisher_user_id", "=", publisherUserId)
    .where("sha256", "in", sha256s)
    .forKeyShare()
    .execute();
  return new Set(rows.map((row) => row.sha256));
}
