import { z } from "zod";
import { idSchema, runtimeProviderSchema, sentTimeSchema, timeSchema } from "./base.ts";
import { logLineSchema } from "./deployment.ts";
import { tierSchema } from "./user.ts";

/** A billing period: a calendar month in UTC. */
export const periodSchema = z.string().regex(/^\d{4}-(0[1-9]|1[0-2])$/, "must be a month such as 2026-11");

export const usageTotalsSchema = z.object({
  requests: z.number(),
  tokens: z.number(),
  computeMs: z.number(),
  errors: z.number(),
  costUsdEstimated: z.number(),
});

export const billingUsageSchema = z.object({
  period: periodSchema,
  tier: tierSchema,
  limits: z.object({ requests: z.number(), tokens: z.number(), computeMs: z.number(), agentcoreEnabled: z.boolean() }),
  totals: usageTotalsSchema,
  byRuntime: z.object({ cloudflare: usageTotalsSchema, agentcore: usageTotalsSchema }),
  /** Reserved by running invocations, not yet settled. */
  pending: z.object({ requests: z.number(), tokens: z.number(), computeMs: z.number() }),
});

/** Agents that a month's usage is told by, those with the most requests. */
export const usageMaxAgents = 100;

export const agentUsageSchema = usageTotalsSchema.extend({ agentId: idSchema, name: z.string() });

export const metricsMaxBuckets = 1500;

export const metricsQuery = z.strictObject({
  from: sentTimeSchema.optional().describe("Default: 24 buckets before `to`"),
  to: sentTimeSchema.optional().describe("Default: now"),
  bucket: z.enum(["minute", "hour", "day"]).default("hour"),
  deploymentId: idSchema.optional(),
  runtimeProvider: runtimeProviderSchema.optional(),
});

export const metricsSchema = z.object({
  agentId: idSchema,
  from: timeSchema,
  to: timeSchema,
  bucket: z.enum(["minute", "hour", "day"]),
  series: z.array(usageTotalsSchema.extend({ start: timeSchema, end: timeSchema })),
});

export const failedInvocationSchema = z.object({
  timestamp: timeSchema,
  traceId: z.string(),
  errorClass: z.string(),
  errorCode: z.string(),
  deploymentId: idSchema,
  runtimeProvider: runtimeProviderSchema,
});

export const traceItemSchema = z.object({
  invocation: z.object({
    id: idSchema,
    agentId: idSchema,
    deploymentId: idSchema,
    startedAt: timeSchema,
    durationMs: z.number(),
    statusCode: z.int(),
    errorCode: z.string().nullable(),
    errorMessage: z.string().nullable(),
  }),
  telemetry: z
    .object({
      eventId: idSchema,
      timestamp: timeSchema,
      runtimeProvider: runtimeProviderSchema,
      tokens: z.number(),
      tokensEstimated: z.boolean(),
      computeMs: z.number(),
      toolCalls: z.number().describe("The agent's own figure."),
      platformToolCalls: z.number().describe("Calls of the platform's tools, code interpreter and browser."),
      codeExecutionSeconds: z.number(),
      browserSessions: z.number(),
      errors: z.int(),
      errorClass: z.string().nullable(),
      costUsdEstimated: z.number(),
    })
    .nullable(),
  logs: z.array(logLineSchema),
});
