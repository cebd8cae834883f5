export { observeInvocation } from "./invocation.ts";
export { createLimitMetrics, type LimitMetrics, observeSharing, type RateKind } from "./limits.ts";
export { createMetrics, type Metrics, observeStreams } from "./metrics.ts";
export { observeIngestion, observeJobs, observeRefusals } from "./observe.ts";
export { openTracing, type Tracing } from "./tracing.ts";
export { observeReconciliation } from "./reconciliation.ts";
