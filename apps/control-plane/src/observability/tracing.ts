import type { RuntimeProviderName } from "@whs/api";
import type { AppError } from "@whs/platform/errors";
import type { Logger } from "@whs/platform/log";
import type { InvokeUsage } from "@whs/runtimes";
import type { FastifyInstance } from "fastify";

/** Spans for OpenTelemetry; there is none of it while no collector is configured. */
export interface Tracing {
  /**
   * One server span a request. What the handler sees as the caller's `traceparent` is the span's own from then on.
   * Call before routes are bound.
   */
  observeHttp(server: FastifyInstance): void;
  startInvocation(invocation: TracedInvocation): InvocationSpan;
  /** Sends what is not sent yet. */
  close(): Promise<void>;
}

export interface TracedInvocation {
  runtime: RuntimeProviderName;
  agentId: string;
  deploymentId: string;
  eventId: string;
  traceId: string;
  /** W3C trace context of the request. */
  traceparent: string | undefined;
  sessionId: string | undefined;
}

export interface InvocationSpan {
  /** For the runtime: what it does happens within this span. */
  traceparent: string;
  end(error: AppError | undefined, usage: InvokeUsage | undefined): void;
}

export interface TracingOptions {
  /** Base address of an OTLP/HTTP receiver, such as http://127.0.0.1:4318; undefined turns tracing off. */
  endpoint: string | undefined;
  /** Share of the traces that begin here, 0 to 1; others follow their caller's decision. */
  sampleRatio: number;
  log: Logger;
}

/** The SDK is loaded only when somebody receives the spans. */
export async function openTracing(options: TracingOptions): Promise<Tracing | undefined> {
  if (options.endpoint === undefined) return undefined;
  const { createOtlpTracing } = await import("./otlp-tracing.ts");
  return createOtlpTracing({ ...options, endpoint: options.endpoint });
}
