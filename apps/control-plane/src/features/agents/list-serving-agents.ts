import type { Context } from "../../context.ts";
import { type AgentRow, listServingAgents as findServingAgents } from "./store.ts";

/** More than anybody has: protocols list agents without pages. */
const maxAgents = 1000;

/** The caller's agents that can be invoked now, newest first. */
export function listServingAgents(context: Pick<Context, "db" | "user">): Promise<AgentRow[]> {
  return findServingAgents(context.db, context.user.id, maxAgents);
}
