import type { UsageSums } from "../../database.ts";

const nothing: UsageSums = {
  requests: 0,
  tokens: 0,
  computeMs: 0,
  errors: 0,
  platformToolCalls: 0,
  codeExecutionSeconds: 0,
  browserSessions: 0,
  costUsdEstimated: 0,
};
const figures = Object.keys(nothing) as (keyof UsageSums)[];

/** Sums of fractions depend on their order; this share of them says nothing. Counts are exact. */
const tolerance = 1e-6;

/** How far counters are from what the events come to, figure by figure; empty when they agree. */
export function driftOf(counted: UsageSums = nothing, summed: UsageSums = nothing): Partial<UsageSums> {
  const drift: Partial<UsageSums> = {};
  for (const figure of figures) {
    const difference = counted[figure] - summed[figure];
    const allowed = figure === "requests" || figure === "errors" ? 0 : tolerance * Math.max(1, Math.abs(summed[figure]));
    if (Math.abs(difference) > allowed) drift[figure] = difference;
  }
  return drift;
}

export function addSums(all: readonly UsageSums[]): UsageSums {
  const total = { ...nothing };
  for (const sums of all) for (const figure of figures) total[figure] += sums[figure];
  return total;
}
