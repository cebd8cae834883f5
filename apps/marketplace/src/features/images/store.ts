import { type Kysely, sql, type Transaction } from "kysely";
import type { Schema } from "../../database.ts";

/** Locks the publisher, so that two uploads at once cannot pass a quota together. */
export async function sumImages(transaction: Transaction<Schema>, userId: string): Promise<{ count: number; bytes: number }> {
  await transaction.selectFrom("fleetprompt.users").select("id").where("id", "=", userId).forUpdate().executeTakeFirstOrThrow();
  const { rows } = await sql<{ count: number; bytes: number }>`
    select count(*) as count, coalesce(sum(size_bytes), 0)::int8 as bytes from fleetprompt.images where publisher_user_id = ${userId}`.execute(
    transaction,
  );
  return rows[0] ?? { count: 0, bytes: 0 };
}

export async function hasImage(transaction: Transaction<Schema>, userId: string, sha256: string): Promise<boolean> {
  const row = await transaction
    .selectFrom("fleetprompt.images")
    .select("sha256")
    .where("publisher_user_id", "=", userId)
    .where("sha256", "=", sha256)
    .executeTakeFirst();
  return row !== undefined;
}

export async function insertImage(
  transaction: Transaction<Schema>,
  image: { userId: string; sha256: string; sizeBytes: number; width: number; height: number; at: Date },
): Promise<void> {
  await transaction
    .insertInto("fleetprompt.images")
    .values({
      publisher_user_id: image.userId,
      sha256: image.sha256,
      size_bytes: image.sizeBytes,
      width: image.width,
      height: image.height,
      created_at: image.at,
    })
    .execute();
}

export async function isKnown(db: Kysely<Schema>, sha256: string): Promise<boolean> {
  const row = await db.selectFrom("fleetprompt.images").select("sha256").where("sha256", "=", sha256).limit(1).executeTakeFirst();
  return row !== undefined;
}

const rowsAtOnce = 500;

/** Forgets pictures that no listing of their publisher shows. @returns the contents that nobody has any more */
export async function deleteUnused(db: Kysely<Schema>, uploadedBefore: Date): Promise<string[]> {
  const { rows } = await sql<{ sha256: string }>`
    delete from fleetprompt.images i where (i.publisher_user_id, i.sha256) in (
      select u.publisher_user_id, u.sha256 from fleetprompt.images u where u.created_at < ${uploadedBefore} and not exists (
        select from fleetprompt.listings l where l.publisher_user_id = u.publisher_user_id
          and l.images @> jsonb_build_array(jsonb_build_object('sha256', u.sha256)))
      limit ${rowsAtOnce} for update skip locked)
    returning i.sha256`.execute(db);
  const gone: string[] = [];
  for (const { sha256 } of rows) if (!(await isKnown(db, sha256))) gone.push(sha256);
  return gone;
}
