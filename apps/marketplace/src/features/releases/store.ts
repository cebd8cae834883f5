import type { Insertable, Kysely, Transaction } from "kysely";
import type { Row, Schema } from "../../database.ts";

export type ReleaseRow = Row<"fleetprompt.releases">;

export function insertRelease(transaction: Transaction<Schema>, release: Insertable<Schema["fleetprompt.releases"]>): Promise<ReleaseRow> {
  return transaction.insertInto("fleetprompt.releases").values(release).returningAll().executeTakeFirstOrThrow();
}

export function findRelease(db: Kysely<Schema>, id: string): Promise<ReleaseRow | undefined> {
  return db.selectFrom("fleetprompt.releases").selectAll().where("id", "=", id).executeTakeFirst();
}

export function listReleases(
  db: Kysely<Schema>,
  listingId: string,
  page: { limit: number; after: string | undefined; publishedOnly: boolean },
): Promise<ReleaseRow[]> {
  let query = db.selectFrom("fleetprompt.releases").selectAll().where("listing_id", "=", listingId);
  if (page.publishedOnly) query = query.where("status", "=", "published");
  if (page.after !== undefined) query = query.where("id", "<", page.after);
  return query
    .orderBy("id", "desc")
    .limit(page.limit + 1)
    .execute();
}

/** @returns whether it was published until now */
export async function revokeRelease(transaction: Transaction<Schema>, id: string, reason: string, at: Date): Promise<boolean> {
  const { numUpdatedRows } = await transaction
    .updateTable("fleetprompt.releases")
    .set({ status: "revoked", revoked_at: at, revoke_reason: reason })
    .where("id", "=", id)
    .where("status", "=", "published")
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

export type ReleaseOrderRow = Pick<ReleaseRow, "id" | "version" | "is_prerelease" | "compat" | "published_at">;

/** Published releases of a listing, the highest by SemVer first, pre-releases last. */
export function listByVersion(db: Kysely<Schema>, listingId: string, limit: number): Promise<ReleaseOrderRow[]> {
  return db
    .selectFrom("fleetprompt.releases")
    .select(["id", "version", "is_prerelease", "compat", "published_at"])
    .where("listing_id", "=", listingId)
    .where("status", "=", "published")
    .orderBy("is_prerelease")
    .orderBy("version_order", "desc")
    .limit(limit)
    .execute();
}
