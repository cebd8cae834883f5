export { getTrace } from "./get-trace.ts";
export { getUsage } from "./get-usage.ts";
export { listFailedInvocations } from "./list-failed-invocations.ts";
export { bindUsage } from "./routes.ts";
export { reconcileUsage } from "./reconcile-usage.ts";
export { readLastPass } from "./reconcile-store.ts";
