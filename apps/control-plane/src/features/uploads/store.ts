import { type Kysely, sql, type Transaction } from "kysely";
import type { Row, Schema } from "../../database.ts";

export function insertUpload(
  transaction: Transaction<Schema>,
  upload: { id: string; userId: string; sha256: string; sizeBytes: number; contentType: string; blobKey: string; expiresAt: Date },
): Promise<Row<"whs.uploads">> {
  return transaction
    .insertInto("whs.uploads")
    .values({
      id: upload.id,
      user_id: upload.userId,
      sha256: upload.sha256,
      size_bytes: upload.sizeBytes,
      content_type: upload.contentType,
      blob_key: upload.blobKey,
      expires_at: upload.expiresAt,
    })
    .returningAll()
    .executeTakeFirstOrThrow();
}

/** Uploads whose time is over and that no deployment was made from. */
export async function listUnusedUploads(db: Kysely<Schema>, now: Date): Promise<{ id: string; blob_key: string }[]> {
  const { rows } = await sql<{ id: string; blob_key: string }>`
    select u.id, u.blob_key from whs.uploads u
    where u.expires_at < ${now} and not exists (select from whs.deployments d where d.user_id = u.user_id and u.id in (d.artifact -> 'source' ->> 'uploadId', d.artifact -> 'resolved' ->> 'uploadId'))
    order by u.expires_at limit 100`.execute(db);
  return rows;
}

export async function deleteUpload(db: Kysely<Schema>, id: string): Promise<void> {
  await db.deleteFrom("whs.uploads").where("id", "=", id).execute();
}
