import type { AnswerOf, getTrace as endpoint } from "@whs/api";
import { notFound } from "@whs/platform/errors";
import type { Context } from "../../context.ts";
import { toLogLine } from "../deployments/index.ts";
import { findEvents, findInvocationsOfTrace, findLinesOfTrace } from "./store.ts";

/** The caller's own invocations with a trace id, each with its telemetry and log lines: why did it fail? */
export async function getTrace(context: Context, input: { traceId: string }): Promise<AnswerOf<typeof endpoint>> {
  const invocations = await findInvocationsOfTrace(context.db, context.user.id, input.traceId);
  if (invocations.length === 0) throw notFound("Trace");
  const [events, lines] = await Promise.all([
    findEvents(
      context.db,
      invocations.map(({ day, id }) => ({ day, id })),
    ),
    findLinesOfTrace(context.db, [...new Set(invocations.map((invocation) => invocation.agent_id))], input.traceId),
  ]);
  const eventById = new Map(events.map((event) => [event.event_id, event]));
  return {
    items: invocations.map((invocation) => {
      const event = eventById.get(invocation.id);
      return {
        invocation: {
          id: invocation.id,
          agentId: invocation.agent_id,
          deploymentId: invocation.deployment_id,
          startedAt: invocation.started_at.toISOString(),
          durationMs: invocation.duration_ms,
          statusCode: invocation.status_code,
          errorCode: invocation.error_code,
          errorMessage: invocation.error_message,
        },
        telemetry:
          event === undefined
            ? null
            : {
                eventId: event.event_id,
                timestamp: event.at.toISOString(),
                runtimeProvider: event.runtime_provider,
                tokens: event.llm_tokens,
                tokensEstimated: event.tokens_estimated,
                computeMs: event.compute_ms,
                toolCalls: event.tool_calls,
                platformToolCalls: event.platform_tool_calls,
                codeExecutionSeconds: event.code_execution_seconds,
                browserSessions: event.browser_sessions,
                errors: event.errors,
                errorClass: event.error_class,
                costUsdEstimated: event.cost_usd_estimated,
              },
        logs: lines.filter((line) => line.deployment_id === invocation.deployment_id).map(toLogLine),
      };
    }),
  };
}
