import type { Endpoint } from "@whs/api";
import { type HandlerInput, streamed, toAppError } from "@whs/platform/http";
import type { InvokeOutput } from "@whs/runtimes";
import type { Context } from "../../../context.ts";
import type { AgentRun } from "../agent-run.ts";
import { answerWithEvents } from "../event-answer.ts";
import type { ToolResult } from "./tool.ts";

type Http = HandlerInput<Endpoint>["http"];

export interface AgentCall {
  run: AgentRun;
  /** The session that the caller named, if any. */
  sessionId: string | undefined;
  /** Whoever gives one is shown what the agent says while it does, if it takes events. */
  progressToken: string | number | undefined;
  /** The client has stopped the call by another request: there is no answer to it. */
  cancelled: AbortSignal;
  /** Makes the response of a result. */
  respond(result: ToolResult): object;
}

/** @returns a response, or `streamed` once it has been sent */
export async function callAgent(context: Context, http: Http, call: AgentCall): Promise<object | typeof streamed> {
  const { run, progressToken, cancelled } = call;
  const stopped = AbortSignal.any([http.request.signal, cancelled]);
  if (progressToken !== undefined && takesEvents(http)) return streamCall(context, http, call, stopped);
  const result = await run.answer(stopped).then(
    (output) => toResult(call, output, context.traceId),
    (error: unknown) => toFailure(error, context.traceId),
  );
  return cancelled.aborted ? answerNothing(http) : call.respond(result);
}

/** Each piece of the answer is the message of a progress notification; how far it is counts UTF-16 units. */
async function streamCall(context: Context, http: Http, call: AgentCall, stopped: AbortSignal): Promise<typeof streamed> {
  return answerWithEvents(context, http, async (send) => {
    let progress = 0;
    const result = await call.run
      .stream(stopped, (delta) => {
        progress += delta.length;
        const params = { progressToken: call.progressToken, progress, message: delta };
        return send({ jsonrpc: "2.0", method: "notifications/progress", params });
      })
      .then(
        (output) => toResult(call, output, context.traceId),
        (error: unknown) => toFailure(error, context.traceId),
      );
    if (!call.cancelled.aborted) await send(call.respond(result));
  });
}

/** 202, as for a message that asks nothing. */
export function answerNothing(http: Http): typeof streamed {
  const response = http.takeOver();
  response.statusCode = 202;
  response.end();
  return streamed;
}

function takesEvents({ request }: Http): boolean {
  return /text\/event-stream|\*\/\*|text\/\*/.test(request.headers.accept ?? "*/*");
}

/** A model that may go on with the session has to be shown its id. */
function toResult({ run, sessionId }: AgentCall, { output, usage }: InvokeOutput, traceId: string): ToolResult {
  const begun = run.sessionId === sessionId ? undefined : run.sessionId;
  return {
    content: [
      { type: "text", text: output.text },
      ...(begun === undefined
        ? []
        : [
            {
              type: "text" as const,
              text: `To go on with this session, pass sessionId ${begun}.`,
              annotations: { audience: ["assistant" as const] },
            },
          ]),
    ],
    isError: false,
    _meta: { traceId, usage, ...(run.sessionId === undefined ? {} : { sessionId: run.sessionId }) },
  };
}

/** What a model can act on: the sentence of the error; `_meta` is for programs. @throws AppError a fault of ours */
export function toFailure(error: unknown, traceId: string): ToolResult {
  const appError = toAppError(error);
  const { code, message, details, retryable } = appError;
  if (code === "INTERNAL") throw appError;
  return { content: [{ type: "text", text: message }], isError: true, _meta: { traceId, error: { code, details, retryable } } };
}
