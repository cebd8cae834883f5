/**
 * Names of OpenTelemetry's semantic conventions that our spans bear, pinned to version 1.41.0:
 * https://github.com/open-telemetry/semantic-conventions/blob/v1.41.0/docs/gen-ai/gen-ai-agent-spans.md ("Invoke agent client span")
 * and https://github.com/open-telemetry/semantic-conventions/blob/v1.41.0/docs/http/http-spans.md ("HTTP server").
 * The GenAI part is in development and renames things between versions, so its names stand here and not in a package.
 */
export const schemaUrl = "https://opentelemetry.io/schemas/1.41.0";

export const genAi = {
  operationName: "gen_ai.operation.name",
  providerName: "gen_ai.provider.name",
  agentId: "gen_ai.agent.id",
  conversationId: "gen_ai.conversation.id",
} as const;
export const invokeAgent = "invoke_agent";

export const http = {
  requestMethod: "http.request.method",
  responseStatusCode: "http.response.status_code",
  route: "http.route",
  urlPath: "url.path",
  urlScheme: "url.scheme",
} as const;

export const errorType = "error.type";

/** Ours: what the conventions have no name for. */
export const whs = {
  deploymentId: "whs.deployment.id",
  invocationId: "whs.invocation.id",
  traceId: "whs.trace_id",
  runtime: "whs.runtime",
  /** The agent's own figure, or an estimate; the conventions know input and output tokens only. */
  tokens: "whs.usage.tokens",
  computeMs: "whs.usage.compute_ms",
  toolCalls: "whs.usage.tool_calls",
} as const;
