import { estimateTokens, type InvokeUsage } from "@whs/runtimes";

/** What is metered is the sum; how it divides into input and output is estimated from the output's length. */
export function splitTokens({ tokens }: Pick<InvokeUsage, "tokens">, outputText: string): { input: number; output: number; total: number } {
  const output = Math.min(tokens, estimateTokens(0, outputText.length));
  return { input: tokens - output, output, total: tokens };
}
