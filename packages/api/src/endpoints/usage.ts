import { z } from "zod";
import { endpoint } from "../endpoint.ts";
import { idParams, pageOf, pageQuerySchema, textSchema } from "../schemas/base.ts";
import {
  agentUsageSchema,
  billingUsageSchema,
  failedInvocationSchema,
  metricsQuery,
  metricsSchema,
  periodSchema,
  traceItemSchema,
} from "../schemas/usage.ts";

export const getMetrics = endpoint({
  name: "metrics.get",
  method: "GET",
  path: "/v1/agents/{id}/metrics",
  summary: "An agent's requests, tokens, compute, errors and estimated cost over time",
  access: { kind: "user", scope: "usage:read" },
  params: idParams,
  query: metricsQuery,
  answer: { kind: "json", status: 200, schema: metricsSchema },
  errors: ["NOT_FOUND"],
});

export const listFailedInvocations = endpoint({
  name: "errors.list",
  method: "GET",
  path: "/v1/agents/{id}/errors",
  summary: "List an agent's failed invocations, newest first",
  access: { kind: "user", scope: "usage:read" },
  params: idParams,
  query: pageQuerySchema,
  answer: { kind: "json", status: 200, schema: pageOf(failedInvocationSchema) },
  errors: ["NOT_FOUND"],
});

export const getTrace = endpoint({
  name: "traces.get",
  method: "GET",
  path: "/v1/traces/{traceId}",
  summary: "Everything known of the invocations with this trace id: why did it fail?",
  access: { kind: "user", scope: "usage:read" },
  params: z.strictObject({ traceId: textSchema.min(1).max(256) }),
  answer: { kind: "json", status: 200, schema: z.object({ items: z.array(traceItemSchema) }) },
  errors: ["NOT_FOUND"],
});

export const getUsage = endpoint({
  name: "usage.get",
  method: "GET",
  path: "/v1/billing/usage",
  summary: "What the account used in a month, against its limits",
  access: { kind: "user", scope: "usage:read" },
  query: z.strictObject({ period: periodSchema.optional().describe("Default: the current month") }),
  answer: { kind: "json", status: 200, schema: billingUsageSchema },
  errors: [],
});

export const getUsageByAgent = endpoint({
  name: "usage.byAgent",
  method: "GET",
  path: "/v1/billing/usage/agents",
  summary: "What each agent used in a month: of those that are there the hundred with the most requests",
  description: "Agents that were deleted are in the account's totals alone.",
  access: { kind: "user", scope: "usage:read" },
  query: z.strictObject({ period: periodSchema.optional().describe("Default: the current month") }),
  answer: { kind: "json", status: 200, schema: z.object({ period: periodSchema, items: z.array(agentUsageSchema) }) },
  errors: [],
});
