import type { RuntimeProviderName } from "@whs/api";
import type { AppError } from "@whs/platform/errors";
import type { InvokeInput, InvokeUsage } from "@whs/runtimes";
import type { InvocationOutcome, Metrics } from "./metrics.ts";
import type { Tracing } from "./tracing.ts";

export interface ObservedInvocation {
  /** What the runtime gets as trace context: a child of the request's where spans are made, else the request's own. */
  traceContext: { traceparent?: string };
  succeeded(usage: InvokeUsage): void;
  failed(error: AppError, cancelled: boolean): void;
}

/** Measures one invocation, from the call of its runtime to the end of its answer. */
export function observeInvocation(
  observers: { metrics: Metrics; tracing: Tracing | undefined },
  invocation: { runtime: RuntimeProviderName; input: Omit<InvokeInput, "signal" | "timeoutMs">; sessionId: string | undefined },
): ObservedInvocation {
  const { runtime, input, sessionId } = invocation;
  const ended = observers.metrics.invocationStarted(runtime);
  const { agentId, deploymentId, eventId, traceId, traceparent } = input;
  const span = observers.tracing?.startInvocation({ runtime, agentId, deploymentId, eventId, traceId, traceparent, sessionId });
  return {
    traceContext: span === undefined ? {} : { traceparent: span.traceparent },
    succeeded(usage) {
      ended("ok");
      span?.end(undefined, usage);
    },
    failed(error, cancelled) {
      ended(cancelled ? "cancelled" : outcomeOf(error));
      span?.end(error, undefined);
    },
  };
}

function outcomeOf(error: AppError): InvocationOutcome {
  if (error.code === "UNAVAILABLE") return "unavailable";
  return error.status === 504 ? "timeout" : "failed";
}
