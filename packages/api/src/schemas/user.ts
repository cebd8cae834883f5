import { z } from "zod";
import { idSchema, runtimeProviderSchema, timeSchema } from "./base.ts";

export const tierSchema = z.enum(["free", "starter", "pro", "enterprise"]);
export type Tier = z.output<typeof tierSchema>;

export const userSchema = z.object({
  id: idSchema,
  email: z.string().nullable(),
  name: z.string().nullable(),
  subscriptionTier: tierSchema,
  defaultRuntimeProvider: runtimeProviderSchema,
  createdAt: timeSchema,
});
export type User = z.output<typeof userSchema>;

/** What a tier allows, as `config/tiers.yaml` states it. Periods are calendar months in UTC. */
export const entitlementsSchema = z.strictObject({
  maxRequestsPerPeriod: z.int().min(0),
  maxTokensPerPeriod: z.int().min(0),
  maxComputeMsPerPeriod: z.int().min(0),
  agentcoreEnabled: z.boolean(),
  memoryEnabled: z.boolean(),
  codeInterpreterEnabled: z.boolean(),
  browserEnabled: z.boolean(),
  maxToolCallsPerPeriod: z.int().min(0),
  maxCodeExecutionSecondsPerPeriod: z.int().min(0),
  maxBrowserSessionsPerPeriod: z.int().min(0),
  telemetryRetentionDays: z.int().min(1).max(400),
  logsRetentionDays: z.int().min(1).max(400),
  maxAgents: z.int().min(0),
  maxConcurrentInvocations: z.int().min(1),
  maxRequestsPerSecond: z.int().min(1),
});
export type Entitlements = z.output<typeof entitlementsSchema>;
