import type { UsageFigures } from "../port.ts";

/** US dollars. Defaults are Cloudflare's Workers Paid list prices: $0.30 a million requests, $0.02 a million CPU milliseconds. */
export interface CloudflarePrices {
  perMillionRequests: number;
  perMillionComputeMs: number;
  /** The runtime itself charges nothing for tokens; an operator who resells models may. */
  perMillionTokens: number;
}
export const defaultCloudflarePrices: CloudflarePrices = { perMillionRequests: 0.3, perMillionComputeMs: 0.02, perMillionTokens: 0 };

/** Deterministic, monotonic in every figure, rounded to 1e-9. */
export function estimateCloudflareCost(usage: UsageFigures, prices: CloudflarePrices): number {
  const millions =
    usage.requests * prices.perMillionRequests + usage.computeMs * prices.perMillionComputeMs + usage.tokens * prices.perMillionTokens;
  return Math.round(millions * 1e3) / 1e9;
}
