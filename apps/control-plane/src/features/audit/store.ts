import { type Kysely, sql } from "kysely";
import type { Row, Schema } from "../../database.ts";

interface Wanted {
  userId: string;
  limit: number;
  after: string | undefined;
  /** A whole action (`token.created`), or what stands before its first dot. */
  action?: string | undefined;
  target?: string | undefined;
}

export function listAuditEntries(db: Kysely<Schema>, { userId, limit, after, action, target }: Wanted): Promise<Row<"whs.audit_log">[]> {
  let query = db.selectFrom("whs.audit_log").selectAll().where("user_id", "=", userId);
  if (after !== undefined) query = query.where("id", "<", after);
  if (action !== undefined)
    query = query.where((eb) => eb.or([eb("action", "=", action), eb(sql<string>`split_part(action, '.', 1)`, "=", action)]));
  if (target !== undefined) query = query.where("target", "=", target);
  return query
    .orderBy("id", "desc")
    .limit(limit + 1)
    .execute();
}
