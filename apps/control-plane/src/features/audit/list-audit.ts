import type { AnswerOf, listAudit as endpoint } from "@whs/api";
import { toPage } from "@whs/platform/http";
import type { Context } from "../../context.ts";
import { listAuditEntries } from "./store.ts";

export async function listAudit(
  context: Context,
  input: { limit: number; cursor?: string | undefined; action?: string | undefined; target?: string | undefined },
): Promise<AnswerOf<typeof endpoint>> {
  const after = input.cursor === undefined ? undefined : context.cursors.decode("audit", input.cursor);
  const rows = await listAuditEntries(context.db, { ...input, userId: context.user.id, after });
  return toPage(
    rows,
    input.limit,
    (row) => ({
      id: row.id,
      action: row.action,
      actor: row.actor,
      target: row.target,
      traceId: row.trace_id,
      metadata: row.metadata,
      at: row.at.toISOString(),
    }),
    (last) => context.cursors.encode("audit", last.id),
  );
}
