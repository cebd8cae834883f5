import type { ChatCompletion, ChatCompletionBody, ChatCompletionChunk, createChatCompletion } from "@whs/api";
import type { HandlerInput, streamed } from "@whs/platform/http";
import { toAppError } from "@whs/platform/http";
import type { InvokeUsage } from "@whs/runtimes";
import type { Context } from "../../../context.ts";
import type { Gateway } from "../../invocations/index.ts";
import { type AgentRun, openRun } from "../agent-run.ts";
import { answerWithEvents } from "../event-answer.ts";
import { createTextCut, type TextCut } from "./cut-text.ts";
import { toMessage } from "./messages.ts";
import { openAiError } from "./presentation.ts";
import { chosenSession, tellRun } from "./session.ts";
import { splitTokens } from "../token-split.ts";

type Http = HandlerInput<typeof createChatCompletion>["http"];

export async function completeChat(
  gateway: Gateway,
  context: Context,
  body: ChatCompletionBody,
  http: Http,
): Promise<ChatCompletion | typeof streamed> {
  const run = await openRun(gateway, context, http, {
    agent: body.model,
    messages: body.messages.map(toMessage),
    session: chosenSession(http),
    ...(body.temperature === undefined ? {} : { options: { temperature: body.temperature } }),
  });
  tellRun(run, http);
  const cut = createTextCut({
    stop: typeof body.stop === "string" ? [body.stop] : (body.stop ?? []),
    maxTokens: body.max_completion_tokens ?? body.max_tokens,
  });
  const frame = {
    id: `chatcmpl-${run.invocationId}`,
    created: Math.floor(context.now().getTime() / 1000),
    model: run.name,
  };
  if (body.stream === true)
    return streamChat(context, http, run, cut, { ...frame, withUsage: body.stream_options?.include_usage === true });
  const { output, usage } = await run.answer(http.request.signal);
  const content = cut.take(output.text) + cut.rest();
  const message = { role: "assistant" as const, content, refusal: null };
  return {
    ...frame,
    object: "chat.completion",
    choices: [{ index: 0, message, logprobs: null, finish_reason: cut.reason }],
    usage: toChatUsage(usage, output.text),
  };
}

function streamChat(
  context: Context,
  http: Http,
  run: AgentRun,
  cut: TextCut,
  { withUsage, ...frame }: Pick<ChatCompletionChunk, "id" | "created" | "model"> & { withUsage: boolean },
): Promise<typeof streamed> {
  const chunk = (choices: ChatCompletionChunk["choices"], usage: ChatCompletionChunk["usage"] = null): ChatCompletionChunk => ({
    ...frame,
    object: "chat.completion.chunk",
    choices,
    ...(withUsage ? { usage } : {}),
  });
  const choice = (delta: ChatCompletionChunk["choices"][number]["delta"], finish_reason: "stop" | "length" | null = null) =>
    chunk([{ index: 0, delta, logprobs: null, finish_reason }]);
  return answerWithEvents(context, http, async (send, write) => {
    try {
      await send(choice({ role: "assistant", content: "" }));
      let text = "";
      const show = async (shown: string): Promise<void> => (shown === "" ? undefined : send(choice({ content: shown })));
      const { usage } = await run.stream(http.request.signal, (piece) => {
        text += piece;
        return show(cut.take(piece));
      });
      await show(cut.rest());
      await send(choice({}, cut.reason));
      if (withUsage) await send(chunk([], toChatUsage(usage, text)));
    } catch (error) {
      await send(openAiError(toAppError(error)));
    }
    await write("data: [DONE]\n\n");
  });
}

function toChatUsage(usage: InvokeUsage, text: string): ChatCompletion["usage"] {
  const { input, output, total } = splitTokens(usage, text);
  return { prompt_tokens: input, completion_tokens: output, total_tokens: total };
}
