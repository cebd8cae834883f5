import { z } from "zod";
import { idSchema, runtimeProviderSchema, timeSchema, traceIdSchema } from "./base.ts";

/** Upper bound of every count in an event: far above any real invocation, far below what a sum could not hold. */
const count = z.number().min(0).max(1e12);

const cloudflareFigures = z.strictObject({ durableObjectOps: count.default(0), workersAICalls: count.default(0) });
const agentcoreFigures = z.strictObject({
  sessionDurationMs: count.default(0),
  toolInvocations: count.default(0),
  browserInteractions: count.default(0),
});

export const errorClassSchema = z.enum(["auth", "limit", "runtime", "tool", "unknown"]);

/**
 * What one invocation used, signed by the runtime's trusted part. Numbers are finite, non-negative and bounded;
 * there is no prompt, answer or secret in it.
 */
export const telemetryEventSchema = z
  .strictObject({
    eventId: z
      .string()
      .regex(/^evt_[0-7][0-9a-hjkmnp-tv-z]{25}$/, "must be an evt_ id")
      .optional(),
    userId: idSchema,
    agentId: idSchema,
    deploymentId: idSchema,
    runtimeProvider: runtimeProviderSchema,
    timestamp: timeSchema,
    requests: z.literal(1).default(1),
    llmTokens: count,
    tokensEstimated: z.boolean().default(false),
    computeMs: count,
    toolCalls: count.default(0),
    platformToolCalls: count.default(0),
    codeExecutionSeconds: count.default(0),
    browserSessions: count.default(0),
    errors: z.union([z.literal(0), z.literal(1)]).default(0),
    errorClass: errorClassSchema.optional(),
    provider: z.strictObject({ cloudflare: cloudflareFigures.optional(), agentcore: agentcoreFigures.optional() }).default({}),
    costUsdEstimated: count.optional(),
    costUsd: count.optional(),
    traceId: traceIdSchema,
  })
  .transform(({ costUsd, ...event }) => ({ ...event, costUsdEstimated: event.costUsdEstimated ?? costUsd ?? 0 }));
export type TelemetryEvent = z.output<typeof telemetryEventSchema>;

export const telemetryLimits = { reportBytes: 64 * 1024, batchBytes: 4 * 1024 * 1024, batchLines: 1000 } as const;

export const telemetryBatchLineSchema = z.strictObject({
  deploymentId: idSchema,
  signature: z.string().max(1024),
  event: z.string().max(telemetryLimits.reportBytes),
});
