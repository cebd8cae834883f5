import { invokeAgent } from "@whs/api";
import { randomUUID } from "node:crypto";
import { findAgent } from "../../agents/find-agent.ts";
import { agentArgument, command, flag, rest } from "../../command.ts";
import type { Context } from "../../context.ts";
import { UsageError } from "../../errors.ts";
import { explainConflict, formatSummary, invokeRequest, streamInvocation } from "../../invocations/invocation.ts";
import { readAll } from "../../terminal/prompt.ts";
import { printable } from "../../terminal/style.ts";

export const invoke = command({
  path: ["invoke"],
  group: "Run",
  summary: "Send a message to an agent and print its answer",
  args: { agent: agentArgument, text: rest("The message; without it, standard input is read") },
  options: {
    session: { kind: "text", value: "id", summary: "Go on with this session", short: "s" },
    stream: flag("Print the answer while it comes"),
  },
  examples: [
    ['whs invoke echo "Hello"', "Ask and wait"],
    ["whs invoke writer --stream < question.txt", "Read the message from a file, print the answer as it comes"],
  ],
  async run(context, { args, options }) {
    const { api, output } = context;
    const prompt = await readPrompt(context, args.text);
    const agent = await findAgent(api, args.agent);
    const request = invokeRequest(prompt, options.session);
    try {
      if (options.stream) {
        await streamInvocation(context, agent.id, request);
        return;
      }
      const answer = await api.call(invokeAgent, { agentId: agent.id, body: request, idempotencyKey: randomUUID() });
      const text = answer.output.text;
      output.answer(answer, () => (output.stdout.isTTY ? printable(text) : text));
      output.note(output.noteStyle.dim(formatSummary(answer.sessionId ?? null, answer.usage, answer.traceId)));
    } catch (error) {
      throw explainConflict(error, agent);
    }
  },
});

async function readPrompt({ stdin }: Context, words: readonly string[]): Promise<string> {
  const given = words.length > 0 && !(words.length === 1 && words[0] === "-");
  if (!given && words.length === 0 && stdin.isTTY) throw new UsageError("There is no message.", { next: ['whs invoke <agent> "Hello"'] });
  const prompt = given ? words.join(" ") : await readAll(stdin);
  if (prompt.trim() === "") throw new UsageError("The message is empty.", { next: ['whs invoke <agent> "Hello"'] });
  return prompt;
}
