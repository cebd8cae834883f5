import type { AgUiEvent, Message, runAgentForUi, RunAgentInput } from "@whs/api";
import { type HandlerInput, type streamed, toAppError } from "@whs/platform/http";
import type { Context } from "../../../context.ts";
import type { Gateway } from "../../invocations/index.ts";
import { openRun } from "../agent-run.ts";
import { answerWithEvents } from "../event-answer.ts";
import { splitTokens } from "../token-split.ts";
import { runError } from "./presentation.ts";

/** Runs of one thread share a session, which begins with the thread and lasts as sessions do. */
export async function runForUi(
  gateway: Gateway,
  context: Context,
  { agent, input, http }: { agent: string; input: RunAgentInput; http: HandlerInput<typeof runAgentForUi>["http"] },
): Promise<typeof streamed> {
  const run = await openRun(gateway, context, http, {
    agent,
    messages: input.messages.flatMap(toMessages),
    session: { conversation: `ag-ui:${input.threadId}` },
  });
  const { threadId, runId, parentRunId } = input;
  const messageId = run.invocationId;
  return answerWithEvents(context, http, async (sendAny) => {
    const send = (event: AgUiEvent): Promise<void> => sendAny(event);
    try {
      await send({ type: "RUN_STARTED", protocolVersion: "1.0", threadId, runId, ...(parentRunId === undefined ? {} : { parentRunId }) });
      await send({ type: "TEXT_MESSAGE_START", messageId, role: "assistant" });
      let text = "";
      const { usage } = await run.stream(http.request.signal, (delta) => {
        text += delta;
        return send({ type: "TEXT_MESSAGE_CONTENT", messageId, delta });
      });
      await send({ type: "TEXT_MESSAGE_END", messageId });
      const { input: inputTokens, output: outputTokens, total: totalTokens } = splitTokens(usage, text);
      await send({ type: "RUN_FINISHED", threadId, runId, usage: [{ inputTokens, outputTokens, totalTokens }] });
    } catch (error) {
      await send(runError(toAppError(error)));
    }
  });
}

/** What was said; the rest is not for an agent. */
function toMessages(message: RunAgentInput["messages"][number]): Message[] {
  if (message.role === "activity" || message.role === "reasoning") return [];
  const { role, content = "" } = message;
  return [
    {
      role: role === "developer" ? "system" : role,
      content: typeof content === "string" ? content : content.map(({ text }) => text).join(""),
    },
  ];
}
