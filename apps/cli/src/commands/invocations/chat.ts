import { createInterface } from "node:readline/promises";
import { findAgent } from "../../agents/find-agent.ts";
import { agentArgument, command } from "../../command.ts";
import { explainError, formatExplanation } from "../../explain-error.ts";
import { explainConflict, invokeRequest, streamInvocation } from "../../invocations/invocation.ts";

export const chat = command({
  path: ["chat"],
  group: "Run",
  summary: "Talk with an agent, line by line, in one session",
  args: { agent: agentArgument },
  options: { session: { kind: "text", value: "id", summary: "Go on with this session", short: "s" } },
  async run(context, { args, options }) {
    const { api, output, stdin } = context;
    const agent = await findAgent(api, args.agent);
    let session = options.session ?? null;
    output.note(output.noteStyle.dim(`Talking with ${agent.name}. Ctrl-D ends it.`));
    const reader = createInterface({ input: stdin, output: output.stderr, terminal: stdin.isTTY && output.stderr.isTTY });
    reader.setPrompt(output.noteStyle.bold("> "));
    if (stdin.isTTY) reader.prompt();
    for await (const line of reader) {
      if (line.trim() !== "") {
        try {
          session = await streamInvocation({ api, output }, agent.id, invokeRequest(line, session ?? undefined));
        } catch (error) {
          // A person reads what went wrong and asks again; a script's lines belong together.
          if (!stdin.isTTY) throw explainConflict(error, agent);
          output.note(formatExplanation(explainError(explainConflict(error, agent)), output));
        }
      }
      if (stdin.isTTY) reader.prompt();
    }
  },
});
