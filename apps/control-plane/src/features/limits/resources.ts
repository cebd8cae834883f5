import type { Entitlements } from "@whs/api";

/** What a period's budget counts. */
export interface Amounts {
  requests: number;
  tokens: number;
  computeMs: number;
}

export const resources = ["requests", "tokens", "computeMs"] as const;
export type Resource = (typeof resources)[number];

export const nothing: Amounts = { requests: 0, tokens: 0, computeMs: 0 };

export function combine(a: Amounts, b: Amounts, operation: (a: number, b: number) => number): Amounts {
  return {
    requests: operation(a.requests, b.requests),
    tokens: operation(a.tokens, b.tokens),
    computeMs: operation(a.computeMs, b.computeMs),
  };
}

export const add = (a: Amounts, b: Amounts): Amounts => combine(a, b, (x, y) => x + y);
export const subtract = (a: Amounts, b: Amounts): Amounts => combine(a, b, (x, y) => x - y);

/** The first resource of which there is not enough. */
export function lacking(need: Amounts, available: Amounts): Resource | undefined {
  return resources.find((resource) => need[resource] > available[resource]);
}

export function budgetOf(entitlements: Entitlements): Amounts {
  return {
    requests: entitlements.maxRequestsPerPeriod,
    tokens: entitlements.maxTokensPerPeriod,
    computeMs: entitlements.maxComputeMsPerPeriod,
  };
}
