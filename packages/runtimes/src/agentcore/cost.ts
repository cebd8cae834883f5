import type { UsageFigures } from "../port.ts";

/**
 * US dollars. Defaults are AgentCore Runtime's list prices, $0.0895 a vCPU hour and $0.00945 a GB hour, for a session
 * that uses a quarter of one vCPU and half a GB while it answers. Tools have the same list prices: an interpreter is taken to
 * use one vCPU and one GB while it executes, a browser a quarter of one vCPU and 2 GB for five minutes.
 */
export interface AgentcorePrices {
  perVcpuHour: number;
  perGbHour: number;
  vCpus: number;
  memoryGb: number;
  perMillionRequests: number;
  /** The runtime itself charges nothing for tokens; an operator who resells models may. */
  perMillionTokens: number;
  /** Of execution in the code interpreter. */
  perCodeHour: number;
  perBrowserSession: number;
  perMillionToolCalls: number;
}
export const defaultAgentcorePrices: AgentcorePrices = {
  perVcpuHour: 0.0895,
  perGbHour: 0.00945,
  vCpus: 0.25,
  memoryGb: 0.5,
  perMillionRequests: 0,
  perMillionTokens: 0,
  perCodeHour: 0.09895,
  perBrowserSession: 0.00344,
  perMillionToolCalls: 0,
};

const MS_PER_HOUR = 3_600_000;
const SECONDS_PER_HOUR = 3600;

/** Deterministic, monotonic in every figure, rounded to 1e-9. */
export function estimateAgentcoreCost(usage: UsageFigures, prices: AgentcorePrices): number {
  const perMs = (prices.vCpus * prices.perVcpuHour + prices.memoryGb * prices.perGbHour) / MS_PER_HOUR;
  const { toolCalls = 0, codeExecutionSeconds = 0, browserSessions = 0 } = usage.tools ?? {};
  const counted =
    usage.requests * prices.perMillionRequests + usage.tokens * prices.perMillionTokens + toolCalls * prices.perMillionToolCalls;
  const tools = (codeExecutionSeconds * prices.perCodeHour) / SECONDS_PER_HOUR + browserSessions * prices.perBrowserSession;
  const dollars = usage.computeMs * perMs + tools + counted / 1e6;
  return Math.round(dollars * 1e9) / 1e9;
}
