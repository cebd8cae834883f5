export { observeInvocation } from "./invocation.ts";
export { createMetrics, type Metrics, observeStreams } from "./metrics.ts";
export { observeIngestion, observeJobs, observeRefusals } from "./observe.ts";
export { openTracing, type Tracing } from "./tracing.ts";
export { observeReconciliation } from "./reconciliation.ts";
