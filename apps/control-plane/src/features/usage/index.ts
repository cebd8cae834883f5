export { bindUsage } from "./routes.ts";
export { reconcileUsage } from "./reconcile-usage.ts";
export { readLastPass } from "./reconcile-store.ts";
