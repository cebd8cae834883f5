import type { Agent } from "@whs/api";
import { toPage } from "@whs/platform/http";
import type { Context } from "../../context.ts";
import { toAgent } from "./present.ts";
import { listAgents as findAgents } from "./store.ts";

export async function listAgents(
  context: Context,
  input: { limit: number; cursor?: string | undefined },
): Promise<{ items: Agent[]; nextCursor: string | null }> {
  const after = input.cursor === undefined ? undefined : context.cursors.decode("agents", input.cursor);
  const rows = await findAgents(context.db, context.user.id, input.limit, after);
  return toPage(rows, input.limit, toAgent, (last) => context.cursors.encode("agents", last.id));
}
