import { type Context, ROOT_CONTEXT, type Span, SpanKind, SpanStatusCode, trace, type Tracer } from "@opentelemetry/api";
import { parseTraceParent, setGlobalErrorHandler } from "@opentelemetry/core";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BatchSpanProcessor, ParentBasedSampler, TraceIdRatioBasedSampler, TracerProvider } from "@opentelemetry/sdk-trace";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { createHash } from "node:crypto";
import { setTimeout } from "node:timers/promises";
import { errorType, genAi, http, invokeAgent, schemaUrl, whs } from "./genai.ts";
import type { InvocationSpan, TracedInvocation, Tracing, TracingOptions } from "./tracing.ts";

/** A collector that does not answer must not keep the process from stopping in time. */
const closeWithinMs = 1_500;
/** Probes say nothing about anybody's request. */
const untraced = new Set<string | undefined>(["/healthz", "/readyz"]);

/** The conventions' names for who runs the agent; `cloudflare` is not among the known ones. */
const providerNames = { agentcore: "aws.bedrock", cloudflare: "cloudflare" } as const;

/** Spans by the official SDK, sent in batches by OTLP over HTTP. */
export function createOtlpTracing(options: TracingOptions & { endpoint: string }): Tracing {
  setGlobalErrorHandler((error) => options.log.warn({ err: error }, "Spans could not be exported"));
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ "service.name": "whs-control-plane", "service.namespace": "whs" }),
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(options.sampleRatio) }),
    spanProcessors: [
      new BatchSpanProcessor({ exporter: new OTLPTraceExporter({ url: `${options.endpoint.replace(/\/+$/, "")}/v1/traces` }) }),
    ],
  });
  const tracer = provider.getTracer("@whs/control-plane", undefined, { schemaUrl });
  return {
    observeHttp: (server) => traceRequests(server, tracer),
    startInvocation: (invocation) => startInvocation(tracer, invocation),
    async close() {
      const sent = provider.shutdown().catch((error: unknown) => options.log.warn({ err: error }, "The last spans could not be exported"));
      await Promise.race([sent, setTimeout(closeWithinMs, undefined, { ref: false })]);
    },
  };
}

function traceRequests(server: FastifyInstance, tracer: Tracer): void {
  server.addHook("onRequest", (request, reply, done) => {
    const route = request.routeOptions.url;
    if (untraced.has(route)) return done();
    const span = tracer.startSpan(
      route === undefined ? request.method : `${request.method} ${route}`,
      {
        kind: SpanKind.SERVER,
        attributes: {
          [http.requestMethod]: request.method,
          [http.urlPath]: request.url.split("?", 1)[0] ?? "",
          [http.urlScheme]: request.protocol,
          [whs.traceId]: request.traceId,
          ...(route === undefined ? {} : { [http.route]: route }),
        },
      },
      contextOf(request.headers["traceparent"]),
    );
    request.headers["traceparent"] = traceparentOf(span);
    reply.raw.once("close", () => endRequest(span, request, reply.raw));
    done();
  });
}

function endRequest(span: Span, request: FastifyRequest, response: { statusCode: number; writableFinished: boolean }): void {
  span.setAttribute(whs.traceId, request.traceId);
  span.setAttribute(http.responseStatusCode, response.statusCode);
  if (response.statusCode >= 500 || !response.writableFinished) {
    span.setAttribute(errorType, response.writableFinished ? String(response.statusCode) : "caller_left");
    span.setStatus({ code: SpanStatusCode.ERROR });
  }
  span.end();
}

function startInvocation(tracer: Tracer, invocation: TracedInvocation): InvocationSpan {
  const { sessionId } = invocation;
  const span = tracer.startSpan(
    invokeAgent,
    {
      kind: SpanKind.CLIENT,
      attributes: {
        [genAi.operationName]: invokeAgent,
        [genAi.providerName]: providerNames[invocation.runtime],
        [genAi.agentId]: invocation.agentId,
        [whs.runtime]: invocation.runtime,
        [whs.deploymentId]: invocation.deploymentId,
        [whs.invocationId]: invocation.eventId,
        [whs.traceId]: invocation.traceId,
        // Whoever sees spans need not be able to go on with a session: the hash is what invocations are stored with.
        ...(sessionId === undefined ? {} : { [genAi.conversationId]: createHash("sha256").update(sessionId).digest("hex") }),
      },
    },
    contextOf(invocation.traceparent),
  );
  return {
    traceparent: traceparentOf(span),
    end(error, usage) {
      if (usage !== undefined)
        span.setAttributes({ [whs.tokens]: usage.tokens, [whs.computeMs]: usage.computeMs, [whs.toolCalls]: usage.toolCalls });
      if (error !== undefined) {
        span.setAttribute(errorType, error.code);
        span.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
      }
      span.end();
    },
  };
}

function contextOf(traceparent: string | string[] | undefined): Context {
  const parent = typeof traceparent === "string" ? parseTraceParent(traceparent) : null;
  return parent === null ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, { ...parent, isRemote: true });
}

/** W3C Trace Context, version 00. */
function traceparentOf(span: Span): string {
  const { traceId, spanId, traceFlags } = span.spanContext();
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, "0")}`;
}
