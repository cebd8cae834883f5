import type { Agent } from "@whs/api";
import { notFound } from "@whs/platform/errors";
import type { Context } from "../../context.ts";
import { toAgent } from "./present.ts";
import { type AgentRow, findAgent } from "./store.ts";

export async function getAgent(context: Context, input: { id: string }): Promise<{ agent: Agent }> {
  return { agent: toAgent(await requireAgent(context, input.id)) };
}

/** The caller's own living agent. @throws AppError `NOT_FOUND` */
export async function requireAgent(context: Pick<Context, "db" | "user">, id: string): Promise<AgentRow> {
  const row = await findAgent(context.db, context.user.id, id);
  if (row === undefined) throw notFound("Agent");
  return row;
}
