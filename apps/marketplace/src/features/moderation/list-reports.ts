import type { AnswerOf, fleetprompt, QueryOf } from "@whs/api";
import { toPage } from "@whs/platform/http";
import type { Context } from "../../context.ts";
import { listAudit as findEntries, listReports as findReports } from "./store.ts";

export async function listReports(
  context: Context,
  input: QueryOf<typeof fleetprompt.listReports>,
): Promise<AnswerOf<typeof fleetprompt.listReports>> {
  const list = `reports/${input.status ?? ""}`;
  const after = input.cursor === undefined ? undefined : context.cursors.decode(list, input.cursor);
  const rows = await findReports(context.db, { limit: input.limit, after, status: input.status });
  return toPage(
    rows,
    input.limit,
    (row) => ({
      reportId: row.id,
      listingId: row.listing_id,
      reporterUserId: row.reporter_user_id,
      reason: row.reason,
      status: row.status,
      createdAtMs: row.created_at.getTime(),
    }),
    (last) => context.cursors.encode(list, last.id),
  );
}

export async function listAudit(
  context: Context,
  input: QueryOf<typeof fleetprompt.listAllAudit>,
): Promise<AnswerOf<typeof fleetprompt.listAllAudit>> {
  const list = `audit/${input.target ?? ""}`;
  const after = input.cursor === undefined ? undefined : context.cursors.decode(list, input.cursor);
  const rows = await findEntries(context.db, { limit: input.limit, after, target: input.target });
  return toPage(
    rows,
    input.limit,
    (row) => ({
      auditId: row.id,
      action: row.action,
      actor: row.actor,
      target: row.target,
      requestId: row.trace_id,
      metadata: row.metadata,
      atMs: row.at.getTime(),
    }),
    (last) => context.cursors.encode(list, last.id),
  );
}
