import type { Plan, Tier } from "@whs/api";
import { capabilities } from "../../plans.ts";

const ORDER: readonly Tier[] = ["free", "starter", "pro", "enterprise"];

export function isSmaller(a: Tier, b: Tier): boolean {
  return ORDER.indexOf(a) < ORDER.indexOf(b);
}

/** What somebody has now and not any more with `wanted`, in words. */
export function lossesOf(current: Plan, wanted: Plan, used: { requests: number; tokens: number; computeMs: number }): string[] {
  const { entitlements: now } = current;
  const { entitlements: then } = wanted;
  const budgets = [
    { name: "requests", used: used.requests, limit: then.maxRequestsPerPeriod },
    { name: "tokens", used: used.tokens, limit: then.maxTokensPerPeriod },
    { name: "compute", used: used.computeMs, limit: then.maxComputeMsPerPeriod },
  ];
  return [
    ...budgets
      .filter((budget) => budget.used >= budget.limit)
      .map(({ name }) => `This month has used more ${name} than the plan allows: your agents would answer nobody until the next month.`),
    ...capabilities.filter(({ key }) => now[key] && !then[key]).map(({ name }) => `${name} is not part of it.`),
    ...(then.logsRetentionDays < now.logsRetentionDays ? [`Logs older than ${then.logsRetentionDays} days are deleted.`] : []),
  ];
}
