import type { UsageFigures } from "../port.ts";

/**
 * US dollars. Defaults are AgentCore Runtime's list prices, $0.0895 a vCPU hour and $0.00945 a GB hour, for a session
 * that uses a quarter of one vCPU and half a GB while it answers.
 */
export interface AgentcorePrices {
  perVcpuHour: number;
  perGbHour: number;
  vCpus: number;
  memoryGb: number;
  perMillionRequests: number;
  /** The runtime itself charges nothing for tokens; an operator who resells models may. */
  perMillionTokens: number;
}
export const defaultAgentcorePrices: AgentcorePrices = {
  perVcpuHour: 0.0895,
  perGbHour: 0.00945,
  vCpus: 0.25,
  memoryGb: 0.5,
  perMillionRequests: 0,
  perMillionTokens: 0,
};

const MS_PER_HOUR = 3_600_000;

/** Deterministic, monotonic in every figure, rounded to 1e-9. */
export function estimateAgentcoreCost(usage: UsageFigures, prices: AgentcorePrices): number {
  const perMs = (prices.vCpus * prices.perVcpuHour + prices.memoryGb * prices.perGbHour) / MS_PER_HOUR;
  const dollars = usage.computeMs * perMs + (usage.requests * prices.perMillionRequests + usage.tokens * prices.perMillionTokens) / 1e6;
  return Math.round(dollars * 1e9) / 1e9;
}
