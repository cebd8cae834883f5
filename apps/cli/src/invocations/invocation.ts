import { type Agent, ApiError, type ErrorCode, invokeAgentStream, invokeEvents, type InvokeRequest } from "@whs/api";
import type { z } from "zod";
import type { Context } from "../context.ts";
import { UserError } from "../errors.ts";
import { count, duration } from "../terminal/format.ts";
import { printable } from "../terminal/style.ts";
import { version } from "../version.ts";

type Usage = z.output<typeof invokeEvents.usage>;

export function invokeRequest(prompt: string, sessionId: string | undefined): InvokeRequest {
  return { input: { prompt }, ...(sessionId === undefined ? {} : { sessionId }), metadata: { client: { name: "whs", version } } };
}

/**
 * Prints the answer as it comes; with `--json`, every event on a line of its own.
 * @returns the session's id, for the next call
 * @throws ApiError for the stream's `error` event as for any answer
 */
export async function streamInvocation(
  { api, output }: Pick<Context, "api" | "output">,
  agentId: string,
  request: InvokeRequest,
  signal?: AbortSignal,
): Promise<string | null> {
  const onTerminal = output.stdout.isTTY;
  let meta: z.output<typeof invokeEvents.meta> | undefined;
  let usage: Usage | undefined;
  let written = "";
  for await (const { event, id, data } of api.stream(invokeAgentStream, {
    agentId,
    body: request,
    ...(signal === undefined ? {} : { signal }),
  })) {
    if (output.json) output.jsonLine({ event, id, data });
    if (event === "meta") meta = invokeEvents.meta.parse(data);
    if (event === "usage") usage = invokeEvents.usage.parse(data);
    if (event === "delta" && !output.json) {
      const { text } = invokeEvents.delta.parse(data);
      written = text === "" ? written : text;
      output.piece(onTerminal ? printable(text) : text);
    }
    if (event !== "error" && event !== "done") continue;
    if (written !== "" && !written.endsWith("\n")) output.piece("\n");
    if (event === "error") throw errorOf(invokeEvents.error.parse(data));
    output.note(output.noteStyle.dim(formatSummary(meta?.sessionId ?? null, usage, meta?.traceId)));
    return meta?.sessionId ?? null;
  }
  if (written !== "" && !output.json) output.piece("\n");
  throw new ApiError(0, "UNREACHABLE", "The stream ended before the answer did", { retryable: true, traceId: meta?.traceId ?? null });
}

/** An agent that cannot serve says only CONFLICT; here it is known which agent, and what helps. */
export function explainConflict(error: unknown, agent: Agent): unknown {
  if (!(error instanceof ApiError) || error.code !== "CONFLICT") return error;
  const next =
    agent.status === "disabled"
      ? `whs agents enable ${agent.name}`
      : agent.activeDeploymentId === null
        ? `whs deploy --agent ${agent.name}`
        : undefined;
  if (next === undefined) return error;
  const trace = error.traceId === null ? [] : [`trace ${error.traceId}`];
  return new UserError(error.message, { code: error.code, details: trace, next: [next], cause: error });
}

/** One line about what an answer took. */
export function formatSummary(sessionId: string | null, usage: Usage | undefined, traceId: string | undefined): string {
  return [
    ...(sessionId === null ? [] : [`session ${sessionId}`]),
    ...(usage === undefined
      ? []
      : [`${count(usage.tokens)} tokens${usage.tokensEstimated ? " (estimated)" : ""}`, duration(usage.computeMs)]),
    ...(usage !== undefined && usage.toolCalls > 0 ? [`${count(usage.toolCalls)} tool calls`] : []),
    ...(traceId === undefined ? [] : [`trace ${traceId}`]),
  ].join(" · ");
}

function errorOf({ error, traceId }: z.output<typeof invokeEvents.error>): ApiError {
  return new ApiError(200, error.code as ErrorCode, error.message, { details: error.details, retryable: error.retryable, traceId });
}
