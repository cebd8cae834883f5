import type { Insertable, Kysely, Transaction } from "kysely";
import type { Row, Schema } from "../../database.ts";

export type ReportRow = Row<"fleetprompt.reports">;
export type AuditRow = Row<"fleetprompt.audit_log">;

export function insertReport(transaction: Transaction<Schema>, report: Insertable<Schema["fleetprompt.reports"]>): Promise<ReportRow> {
  return transaction.insertInto("fleetprompt.reports").values(report).returningAll().executeTakeFirstOrThrow();
}

export async function settleReports(transaction: Transaction<Schema>, listingId: string, at: Date): Promise<void> {
  await transaction
    .updateTable("fleetprompt.reports")
    .set({ status: "settled", settled_at: at })
    .where("listing_id", "=", listingId)
    .where("status", "=", "open")
    .execute();
}

export function listReports(
  db: Kysely<Schema>,
  page: { limit: number; after: string | undefined; status: "open" | "settled" | undefined },
): Promise<ReportRow[]> {
  let query = db.selectFrom("fleetprompt.reports").selectAll();
  if (page.status !== undefined) query = query.where("status", "=", page.status);
  if (page.after !== undefined) query = query.where("id", "<", page.after);
  return query
    .orderBy("id", "desc")
    .limit(page.limit + 1)
    .execute();
}

export function listAudit(
  db: Kysely<Schema>,
  page: { limit: number; after: string | undefined; target: string | undefined },
): Promise<AuditRow[]> {
  let query = db.selectFrom("fleetprompt.audit_log").selectAll();
  if (page.target !== undefined) query = query.where("target", "=", page.target);
  if (page.after !== undefined) query = query.where("id", "<", page.after);
  return query
    .orderBy("id", "desc")
    .limit(page.limit + 1)
    .execute();
}
