import type { RuntimeProviderName } from "@whs/api";
import type { Amounts } from "./resources.ts";

type Figures = Pick<Amounts, "tokens" | "computeMs">;

export interface Predictions {
  /**
   * What the next invocation of an agent will probably use: the 95th percentile of its last ones, else its input's size.
   * On AgentCore, where an invocation may run for minutes and costs more, the most of its last ones, and never little.
   */
  predict(invocation: { agentId: string; runtimeProvider: RuntimeProviderName; inputCharacters: number }): Figures;
  learn(agentId: string, actual: Figures): void;
}

const remembered = 64;
const enough = 8;
const maxAgents = 20_000;
const quantile = 0.95;
/** What an invocation on AgentCore is taken to use at least: an answer of some length, and the start of a container. */
const agentcoreTokens = 500;
const agentcoreComputeMs = 5_000;

export function createPredictions(): Predictions {
  const samples = new Map<string, Figures[]>();
  return {
    predict({ agentId, runtimeProvider, inputCharacters }) {
      const known = samples.get(agentId);
      const least = { tokens: Math.ceil(inputCharacters / 4), computeMs: 1 };
      if (runtimeProvider === "agentcore")
        return atLeast(known ?? [], { tokens: least.tokens + agentcoreTokens, computeMs: agentcoreComputeMs });
      if (known === undefined || known.length < enough) return least;
      return { tokens: percentile(known.map(({ tokens }) => tokens)), computeMs: percentile(known.map(({ computeMs }) => computeMs)) };
    },
    learn(agentId, actual) {
      let known = samples.get(agentId);
      if (known === undefined) {
        const oldest = samples.size >= maxAgents ? samples.keys().next() : undefined;
        if (oldest !== undefined && !oldest.done) samples.delete(oldest.value);
        known = [];
        samples.set(agentId, known);
      }
      known.push(actual);
      if (known.length > remembered) known.shift();
    },
  };
}

function atLeast(known: readonly Figures[], least: Figures): Figures {
  return {
    tokens: Math.max(least.tokens, ...known.map(({ tokens }) => tokens)),
    computeMs: Math.max(least.computeMs, ...known.map(({ computeMs }) => computeMs)),
  };
}

function percentile(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * quantile))] ?? 0;
}
