import type { Kysely } from "kysely";
import type { Row, Schema } from "../../database.ts";

export function listAuditEntries(
  db: Kysely<Schema>,
  userId: string,
  limit: number,
  after: string | undefined,
): Promise<Row<"whs.audit_log">[]> {
  let query = db.selectFrom("whs.audit_log").selectAll().where("user_id", "=", userId);
  if (after !== undefined) query = query.where("id", "<", after);
  return query
    .orderBy("id", "desc")
    .limit(limit + 1)
    .execute();
}
