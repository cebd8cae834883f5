import type { InvocationRecord } from "./control.ts";

/** The event that the control plane counts, as JSON text: the very bytes that are signed. It holds no prompt, answer or secret. */
export function telemetryEvent(
  record: InvocationRecord,
  deployment: { userId: string; agentId: string },
  costUsdEstimated: number,
): string {
  const { eventId, deploymentId, traceId, at, tokens, tokensEstimated, computeMs, toolCalls, errorClass, durableObjectOps } = record;
  return JSON.stringify({
    eventId,
    userId: deployment.userId,
    agentId: deployment.agentId,
    deploymentId,
    runtimeProvider: "cloudflare",
    timestamp: new Date(at).toISOString(),
    requests: 1,
    llmTokens: tokens,
    tokensEstimated,
    computeMs,
    toolCalls,
    platformToolCalls: 0,
    codeExecutionSeconds: 0,
    browserSessions: 0,
    errors: errorClass === null ? 0 : 1,
    errorClass,
    provider: { cloudflare: { durableObjectOps, workersAICalls: 0 }, agentcore: null },
    costUsdEstimated,
    traceId,
  });
}
