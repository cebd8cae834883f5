import type { SystemContext } from "../../context.ts";
import type { TelemetryIngestion } from "./ingest.ts";
import { listUncounted } from "./store.ts";

/** How far back a lost event is looked for. */
const lookBackMs = 24 * 3_600_000;
const atOnce = 1000;

/**
 * Counts invocations whose runtime event has not come (pattern B): the gateway knows that they reached the runtime and
 * how long they took. An event of the runtime that comes later takes its place.
 */
export async function countLostInvocations(ingestion: TelemetryIngestion, context: SystemContext): Promise<number> {
  const now = context.now().getTime();
  const lost = await listUncounted(
    context.db,
    { from: new Date(now - lookBackMs), before: new Date(now - context.config.fallbackAfterMs) },
    atOnce,
  );
  await Promise.all(
    lost.map((row) => {
      const computeMs = row.duration_ms;
      const provider = context.providers[row.runtime_provider];
      return ingestion.count({
        eventId: row.id,
        userId: row.user_id,
        agentId: row.agent_id,
        deploymentId: row.deployment_id,
        runtimeProvider: row.runtime_provider,
        timestamp: row.started_at.toISOString(),
        requests: 1,
        llmTokens: 0,
        tokensEstimated: true,
        computeMs,
        toolCalls: 0,
        platformToolCalls: 0,
        codeExecutionSeconds: 0,
        browserSessions: 0,
        errors: row.error_code === null ? 0 : 1,
        ...(row.error_code === null ? {} : { errorClass: "runtime" as const }),
        provider: {},
        costUsdEstimated: provider?.estimateCost({ requests: 1, tokens: 0, computeMs }) ?? 0,
        traceId: row.trace_id,
      });
    }),
  );
  if (lost.length > 0) context.log.warn({ events: lost.length }, "Counted invocations whose telemetry was lost");
  return lost.length;
}
