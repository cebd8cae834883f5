import type { Amounts } from "./resources.ts";

type Figures = Pick<Amounts, "tokens" | "computeMs">;

export interface Predictions {
  /** What the next invocation of an agent will probably use: the 95th percentile of its last ones, else its input's size. */
  predict(agentId: string, inputCharacters: number): Figures;
  learn(agentId: string, actual: Figures): void;
}

const remembered = 64;
const enough = 8;
const maxAgents = 20_000;
const quantile = 0.95;

export function createPredictions(): Predictions {
  const samples = new Map<string, Figures[]>();
  return {
    predict(agentId, inputCharacters) {
      const known = samples.get(agentId);
      if (known === undefined || known.length < enough) return { tokens: Math.ceil(inputCharacters / 4), computeMs: 1 };
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

function percentile(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * quantile))] ?? 0;
}
