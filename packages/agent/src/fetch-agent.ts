import { eventStreamPieces, linePieces, textUpTo, wholeText } from "./wire.ts";
import type { Answer, AnswerPart, FetchAgent, FetchContext, InvokeArguments } from "./types.ts";

/** How much of a handler's error answer is worth showing to its author. */
const MAX_ERROR_TEXT = 500;

/** A `fetch` agent answered with an error status; the message is the author's own text, bounded. */
export class AgentResponseError extends Error {
  override readonly name = "AgentResponseError";
}

/**
 * Calls a web-standard handler with `POST /invoke` and turns its response into what `invoke` would have returned:
 * JSON `{ output: { text, messages? }, usage? }` or `{ text, … }`, server-sent events, JSON lines, or any text.
 */
export async function callFetchAgent(
  agent: FetchAgent<never>,
  args: InvokeArguments<never>,
  waitUntil: FetchContext["waitUntil"],
  stream: boolean,
): Promise<Answer> {
  const { session, signal, traceId, tools, agents } = args;
  const response = await agent.fetch(invokeRequest(args, stream), args.env, { waitUntil, session, signal, traceId, tools, agents });
  if (!(response instanceof Response)) throw new TypeError("The agent's fetch must return a Response.");
  if (!response.ok) {
    const text = response.body === null ? "" : await textUpTo(response.body, MAX_ERROR_TEXT);
    throw new AgentResponseError(
      text === "" ? `The agent answered with status ${response.status}.` : `The agent answered with status ${response.status}: ${text}`,
    );
  }
  const type = response.headers.get("content-type") ?? "";
  if (response.body === null) return "";
  if (type.includes("text/event-stream")) return eventStreamPieces(response.body);
  if (type.includes("application/x-ndjson") || type.includes("application/jsonl")) return linePieces(response.body);
  if (type.includes("json")) return jsonAnswer(JSON.parse(await wholeText(response.body)));
  return stream ? response.body.pipeThrough(new TextDecoderStream()) : await wholeText(response.body);
}

function invokeRequest({ messages, session, signal, traceId, traceparent, options }: InvokeArguments<never>, stream: boolean): Request {
  const body = { input: { messages }, ...(session.id === null ? {} : { sessionId: session.id }), options, metadata: { traceId } };
  return new Request("http://agent/invoke", {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: stream ? "text/event-stream, application/json" : "application/json",
      "x-trace-id": traceId,
      ...(traceparent === undefined ? {} : { traceparent }),
    },
    body: JSON.stringify(body),
    signal,
  });
}

/** `output` may hold the text and messages, as in an invoke/v1 response; its usage stands beside it. */
function jsonAnswer(body: unknown): Answer {
  if (typeof body === "string") return body;
  if (typeof body === "object" && body !== null && "output" in body) {
    const { output, usage } = body as { output: unknown; usage?: AnswerPart["usage"] };
    if (typeof output === "string") return usage === undefined ? { text: output } : { text: output, usage };
    if (typeof output === "object" && output !== null) return usage === undefined ? output : { ...output, usage };
  }
  // Anything else is checked, and refused with its shape named, by whoever reads the answer.
  return body as AnswerPart;
}
