import type { AnswerOf, listFailedInvocations as endpoint } from "@whs/api";
import { toPage } from "@whs/platform/http";
import type { Context } from "../../context.ts";
import { requireAgent } from "../agents/index.ts";
import { listFailedInvocations as findFailed } from "./store.ts";

export async function listFailedInvocations(
  context: Context,
  input: { id: string; limit: number; cursor?: string | undefined },
): Promise<AnswerOf<typeof endpoint>> {
  await requireAgent(context, input.id);
  const list = `errors/${input.id}`;
  const after = input.cursor === undefined ? undefined : context.cursors.decode(list, input.cursor);
  const rows = await findFailed(context.db, context.user.id, input.id, input.limit, after);
  return toPage(
    rows,
    input.limit,
    (row) => ({
      timestamp: row.started_at.toISOString(),
      traceId: row.trace_id,
      errorClass: row.error_class ?? "unknown",
      errorCode: row.error_code ?? "INTERNAL",
      deploymentId: row.deployment_id,
      runtimeProvider: row.runtime_provider,
    }),
    (last) => context.cursors.encode(list, last.id),
  );
}
