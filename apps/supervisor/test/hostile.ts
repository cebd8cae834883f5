/** Every attack runs twice: with all layers that the machine offers, and without bubblewrap. */
import { ProviderError } from "@whs/runtimes";
import { TestAgent } from "@whs/runtimes/conformance";
import type { DataPlane } from "./data-plane.ts";

export const SANDBOXES = [
  ["with every layer that the machine offers", {}],
  ["without bubblewrap", { WHS_CELL_SANDBOX: "none" }],
] as const;

export const ECHO = `export default { invoke: ({ messages }) => "echo: " + messages[0].content };`;

export async function deployed(
  plane: DataPlane,
  source: string,
  options: { sessionful?: boolean; userId?: string; agentId?: string } = {},
): Promise<TestAgent> {
  const { sessionful = false, ...names } = options;
  const made = new TestAgent(plane, names);
  await made.deploy(source, { sessionful });
  return made;
}

/** Asks again as a client does who is told that it is worth it. */
export async function answerOf(made: TestAgent, text: string): Promise<string> {
  for (let tries = 1; ; tries += 1) {
    try {
      return (await made.invoke(text)).output.text;
    } catch (error) {
      if (!(error instanceof ProviderError) || !error.retryable || tries === 5) throw error;
    }
  }
}
