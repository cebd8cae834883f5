import type { AnswerOf, listSessions as endpoint } from "@whs/api";
import { toPage } from "@whs/platform/http";
import type { Context } from "../../context.ts";
import { requireAgent } from "../agents/index.ts";
import { listSessions as findSessions } from "./session-store.ts";

export async function listSessions(
  context: Context,
  input: { id: string; limit: number; cursor?: string | undefined },
): Promise<AnswerOf<typeof endpoint>> {
  const agent = await requireAgent(context, input.id);
  const list = `sessions/${agent.id}`;
  const after = input.cursor === undefined ? undefined : context.cursors.decode(list, input.cursor);
  const rows = await findSessions(context.db, { agentId: agent.id, now: context.now(), limit: input.limit, after });
  return toPage(
    rows,
    input.limit,
    (row) => ({
      id: row.id,
      agentId: row.agent_id,
      runtimeProvider: row.runtime_provider,
      createdAt: row.created_at.toISOString(),
      lastUsedAt: row.last_used_at.toISOString(),
      expiresAt: row.expires_at.toISOString(),
    }),
    (last) => context.cursors.encode(list, last.position),
  );
}
