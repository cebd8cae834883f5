import type { Transaction } from "@whs/platform/db";
import { limitExceeded } from "@whs/platform/errors";
import { newId } from "@whs/platform/ids";
import type { Context } from "../../context.ts";
import type { Schema } from "../../database.ts";
import { type AgentRow, countLivingAgents, insertAgent, type NewAgent } from "./store.ts";

/** @throws AppError `LIMIT_EXCEEDED` when the plan allows no further agent. */
export async function addAgent(
  context: Pick<Context, "tiers" | "user">,
  transaction: Transaction<Schema>,
  agent: Omit<NewAgent, "id" | "userId"> & { id?: string },
): Promise<AgentRow> {
  const { tier, id: userId } = context.user;
  const { maxAgents } = context.tiers[tier];
  const current = await countLivingAgents(transaction, userId);
  if (current >= maxAgents) {
    throw limitExceeded(
      {
        limitType: "maxAgents",
        periodKey: null,
        current,
        limit: maxAgents,
        suggestedAction: "Delete an agent that you no longer need, or upgrade.",
      },
      `The ${tier} plan allows ${maxAgents} agents.`,
    );
  }
  return insertAgent(transaction, { id: newId("agt"), ...agent, userId });
}
