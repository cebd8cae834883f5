import type { createResponse, CreateResponseBody, Message, OpenAiResponse, OpenAiResponseEvent } from "@whs/api";
import { invalidRequest } from "@whs/platform/errors";
import { type HandlerInput, type streamed, toAppError } from "@whs/platform/http";
import type { Context } from "../../../context.ts";
import type { Gateway } from "../../invocations/index.ts";
import { type AgentRun, openRun, type SessionChoice } from "../agent-run.ts";
import { answerWithEvents } from "../event-answer.ts";
import { createTextCut, type TextCut } from "./cut-text.ts";
import { toMessage } from "./messages.ts";
import { openAiError } from "./presentation.ts";
import { ended, failed, messageOf, outputText, startResponse } from "./response.ts";
import { chosenSession, tellRun } from "./session.ts";

type Http = HandlerInput<typeof createResponse>["http"];

export async function respond(
  gateway: Gateway,
  context: Context,
  body: CreateResponseBody,
  http: Http,
): Promise<OpenAiResponse | typeof streamed> {
  const run = await openRun(gateway, context, http, {
    agent: body.model,
    messages: toMessages(body),
    session: body.previous_response_id === undefined ? chosenSession(http) : sessionOf(body.previous_response_id),
    ...(body.temperature === undefined ? {} : { options: { temperature: body.temperature } }),
  });
  tellRun(run, http);
  const cut = createTextCut({ stop: [], maxTokens: body.max_output_tokens });
  const response = startResponse(body, { id: responseId(run), model: run.name, created_at: Math.floor(context.now().getTime() / 1000) });
  const itemId = `msg_${afterPrefix(run.invocationId)}`;
  if (body.stream === true) return streamResponse(context, http, run, { cut, response, itemId });
  const { output, usage } = await run.answer(http.request.signal);
  const shown = cut.take(output.text) + cut.rest();
  return ended(response, { itemId, shown, usage, reason: cut.reason, text: output.text });
}

function streamResponse(
  context: Context,
  http: Http,
  run: AgentRun,
  { cut, response, itemId }: { cut: TextCut; response: OpenAiResponse; itemId: string },
): Promise<typeof streamed> {
  return answerWithEvents(context, http, async (_send, write) => {
    let sequence = 0;
    const send = (event: OpenAiResponseEvent): Promise<void> => {
      const data = JSON.stringify({ ...event, sequence_number: sequence });
      sequence += 1;
      return write(`event: ${event.type}\ndata: ${data}\n\n`);
    };
    const place = { item_id: itemId, output_index: 0, content_index: 0 } as const;
    let text = "";
    let shown = "";
    const show = async (delta: string): Promise<void> => {
      if (delta === "") return;
      shown += delta;
      await send({ type: "response.output_text.delta", ...place, delta, logprobs: [] });
    };
    try {
      await send({ type: "response.created", response });
      await send({ type: "response.in_progress", response });
      await send({ type: "response.output_item.added", output_index: 0, item: messageOf(itemId, "in_progress") });
      await send({ type: "response.content_part.added", ...place, part: outputText("") });
      const { usage } = await run.stream(http.request.signal, (piece) => {
        text += piece;
        return show(cut.take(piece));
      });
      await show(cut.rest());
      const whole = ended(response, { itemId, shown, usage, reason: cut.reason, text });
      await send({ type: "response.output_text.done", ...place, text: shown, logprobs: [] });
      await send({ type: "response.content_part.done", ...place, part: outputText(shown) });
      for (const item of whole.output) await send({ type: "response.output_item.done", output_index: 0, item });
      await send({ type: whole.status === "incomplete" ? "response.incomplete" : "response.completed", response: whole });
    } catch (error) {
      const { code, message } = openAiError(toAppError(error)).error;
      await send({ type: "response.failed", response: failed(response, { code: code ?? "server_error", message }) });
    }
  });
}

function toMessages({ instructions, input }: CreateResponseBody): Message[] {
  const before: Message[] = instructions === undefined ? [] : [{ role: "system", content: instructions }];
  if (typeof input === "string") return [...before, { role: "user", content: input }];
  const textOf = (part: { text: string } | { refusal: string }): string => ("text" in part ? part.text : part.refusal);
  const said = input.map(({ role, content }) =>
    toMessage({ role, content: typeof content === "string" ? content : content.map((part) => ({ text: textOf(part) })) }),
  );
  return [...before, ...said];
}

/** A response's id tells its session, so that nothing has to be kept to go on with it. */
function responseId({ sessionId, invocationId }: AgentRun): string {
  return `resp_${sessionId === undefined ? "" : afterPrefix(sessionId)}${afterPrefix(invocationId)}`;
}

const withSession = /^resp_([0-9a-z]{26})[0-9a-z]{26}$/;

function sessionOf(previousId: string): SessionChoice {
  const session = withSession.exec(previousId)?.[1];
  if (session !== undefined) return { id: `ses_${session}` };
  throw invalidRequest([{ fieldName: "previous_response_id", message: "is not a response of an agent with sessions" }]);
}

function afterPrefix(id: string): string {
  return id.slice(id.indexOf("_") + 1);
}
