import type { Agent, listAgents as endpoint, QueryOf } from "@whs/api";
import { toPage } from "@whs/platform/http";
import type { Context } from "../../context.ts";
import { toAgent } from "./present.ts";
import { listAgents as findAgents } from "./store.ts";

type Wanted = Partial<QueryOf<typeof endpoint>> & { limit: number };

/** The caller's agents, newest first unless `sort` says otherwise. */
export async function listAgents(
  context: Context,
  { limit, cursor, sort = "-createdAt", q, status, runtimeProvider }: Wanted,
): Promise<{ items: Agent[]; nextCursor: string | null }> {
  const list = sort === "-createdAt" ? "agents" : `agents/${sort}`;
  const after = cursor === undefined ? undefined : context.cursors.decode(list, cursor);
  const text = q?.trim() === "" ? undefined : q?.trim();
  const rows = await findAgents(context.db, { userId: context.user.id, limit, order: sort, after, text, status, runtimeProvider });
  return toPage(rows, limit, toAgent, (last) => context.cursors.encode(list, last.position));
}
