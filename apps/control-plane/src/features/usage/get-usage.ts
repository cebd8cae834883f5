import type { AnswerOf, getUsage as endpoint } from "@whs/api";
import type { Context } from "../../context.ts";
import { readPending } from "../limits/index.ts";
import { findTier, readCounters, type Totals } from "./store.ts";

/** What the account used in a calendar month, against its plan. */
export async function getUsage(context: Context, input: { period?: string | undefined }): Promise<AnswerOf<typeof endpoint>> {
  const period = input.period ?? currentPeriod(context);
  await context.publishSpent();
  // Of one moment: what is counted between two looks would be in neither, or in both.
  const { rows, tier, pending } = await context.db
    .transaction()
    .setIsolationLevel("repeatable read")
    .execute(async (snapshot) => ({
      rows: await readCounters(snapshot, context.user.id, period),
      tier: await findTier(snapshot, context.user.id),
      pending: await readPending(snapshot, context.user.id, period),
    }));
  const entitlements = context.tiers[tier];
  return {
    period,
    tier,
    limits: {
      requests: entitlements.maxRequestsPerPeriod,
      tokens: entitlements.maxTokensPerPeriod,
      computeMs: entitlements.maxComputeMsPerPeriod,
      agentcoreEnabled: entitlements.agentcoreEnabled,
    },
    totals: sum(rows),
    byRuntime: {
      cloudflare: sum(rows.filter((row) => row.runtimeProvider === "cloudflare")),
      agentcore: sum(rows.filter((row) => row.runtimeProvider === "agentcore")),
    },
    pending,
  };
}

/** The calendar month in UTC. */
export function currentPeriod({ now }: Pick<Context, "now">): string {
  return now().toISOString().slice(0, 7);
}

function sum(rows: readonly Totals[]): Totals {
  const totals: Totals = { requests: 0, tokens: 0, computeMs: 0, errors: 0, costUsdEstimated: 0 };
  for (const row of rows) {
    totals.requests += row.requests;
    totals.tokens += row.tokens;
    totals.computeMs += row.computeMs;
    totals.errors += row.errors;
    totals.costUsdEstimated += row.costUsdEstimated;
  }
  return { ...totals, costUsdEstimated: roundUsd(totals.costUsdEstimated) };
}

/** Estimated costs are rounded to a billionth of a dollar. */
export function roundUsd(usd: number): number {
  return Math.round(usd * 1e9) / 1e9;
}
