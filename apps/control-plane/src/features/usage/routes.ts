import * as endpoints from "@whs/api";
import type { Bind } from "@whs/platform/http";
import type { Context } from "../../context.ts";
import { getMetrics } from "./get-metrics.ts";
import { getTrace } from "./get-trace.ts";
import { getUsage } from "./get-usage.ts";
import { getUsageByAgent } from "./get-usage-by-agent.ts";
import { listFailedInvocations } from "./list-failed-invocations.ts";

export function bindUsage(bind: Bind<Context>): void {
  bind(endpoints.getUsage, (context, { query }) => getUsage(context, query));
  bind(endpoints.getUsageByAgent, (context, { query }) => getUsageByAgent(context, query));
  bind(endpoints.getMetrics, (context, { params, query }) => getMetrics(context, { ...params, ...query }));
  bind(endpoints.listFailedInvocations, (context, { params, query }) => listFailedInvocations(context, { ...params, ...query }));
  bind(endpoints.getTrace, (context, { params }) => getTrace(context, params));
}
