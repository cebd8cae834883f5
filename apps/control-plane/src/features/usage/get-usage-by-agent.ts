import { type AnswerOf, type getUsageByAgent as endpoint, usageMaxAgents } from "@whs/api";
import type { Context } from "../../context.ts";
import { currentPeriod, roundUsd } from "./get-usage.ts";
import { sumByAgent } from "./store.ts";

export async function getUsageByAgent(context: Context, input: { period?: string | undefined }): Promise<AnswerOf<typeof endpoint>> {
  const period = input.period ?? currentPeriod(context);
  const from = new Date(`${period}-01T00:00:00Z`);
  const to = new Date(Date.UTC(from.getUTCFullYear(), from.getUTCMonth() + 1));
  const rows = await sumByAgent(context.db, { userId: context.user.id, from, to, limit: usageMaxAgents });
  return { period, items: rows.map((row) => ({ ...row, costUsdEstimated: roundUsd(row.costUsdEstimated) })) };
}
