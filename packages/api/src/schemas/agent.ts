import { cloudflareConfigSchema, envKeySchema } from "@whs/artifact";
import { z } from "zod";
import { idSchema, pageQuerySchema, runtimeProviderSchema, textSchema, timeSchema } from "./base.ts";

export const agentNameSchema = z.string().regex(/^[A-Za-z0-9_-]{3,64}$/, "must be 3 to 64 of A-Z, a-z, 0-9, _ and -");

export const agentStatusSchema = z.enum(["created", "deploying", "active", "error", "disabled"]);
export type AgentStatus = z.output<typeof agentStatusSchema>;

/** What the author may set for AgentCore. Seconds and MB as the provider counts them. */
export const agentcoreConfigSchema = z.strictObject({
  region: z
    .string()
    .regex(/^[a-z]{2}(-[a-z]+)+-\d$/, "must be an AWS region such as us-east-1")
    .optional(),
  vCpu: z.number().min(0.25).max(16).optional(),
  memoryMb: z.int().min(512).max(32768).optional(),
  idleTimeoutSeconds: z.int().min(60).max(28800).optional(),
  maxLifetimeSeconds: z.int().min(60).max(28800).optional(),
});

export const providerConfigBody = z.strictObject({
  cloudflare: cloudflareConfigSchema.optional(),
  agentcore: agentcoreConfigSchema.optional(),
});

export const agentSchema = z.object({
  id: idSchema,
  userId: idSchema,
  name: agentNameSchema,
  description: z.string().nullable(),
  framework: z.string().nullable(),
  runtimeProvider: runtimeProviderSchema,
  status: agentStatusSchema,
  activeDeploymentId: idSchema.nullable(),
  envVarKeys: z.array(z.string()),
  providerConfig: z.object({ cloudflare: cloudflareConfigSchema.nullable(), agentcore: agentcoreConfigSchema.nullable() }),
  sharing: z.enum(["private", "installable"]),
  createdAt: timeSchema,
  updatedAt: timeSchema,
  lastDeployedAt: timeSchema.nullable(),
});
export type Agent = z.output<typeof agentSchema>;

/** Orders of a list of agents; `-` turns one round. Agents that were never deployed count as deployed before all others. */
export const agentOrderSchema = z.enum(["-createdAt", "createdAt", "name", "-name", "lastDeployedAt", "-lastDeployedAt"]);
export type AgentOrder = z.output<typeof agentOrderSchema>;

export const listAgentsQuery = pageQuerySchema.extend({
  q: textSchema.max(100).optional().describe("Only agents with this text in name or description, whatever the case"),
  status: agentStatusSchema.optional(),
  runtimeProvider: runtimeProviderSchema.optional(),
  sort: agentOrderSchema.default("-createdAt").describe("A cursor belongs to the order that it came from"),
});

const envVarKeysSchema = z
  .array(envKeySchema)
  .max(128)
  .refine((keys) => new Set(keys).size === keys.length, "must not name a key twice");

export const createAgentBody = z.strictObject({
  name: agentNameSchema,
  description: textSchema.max(4000).optional(),
  framework: textSchema.min(1).max(64).optional(),
  runtimeProvider: runtimeProviderSchema,
  envVarKeys: envVarKeysSchema.optional(),
  providerConfig: providerConfigBody.optional(),
});

export const updateAgentBody = createAgentBody
  .extend({ sharing: z.enum(["private", "installable"]) })
  .partial()
  .refine((body) => Object.keys(body).length > 0, "must change at least one field");

export const secretValueMaxBytes = 64 * 1024;

export const setSecretsBody = z.strictObject({
  secrets: z
    .record(
      z.string().max(128),
      z.string().refine((value) => new TextEncoder().encode(value).length <= secretValueMaxBytes, "must be at most 65536 bytes"),
    )
    .refine((secrets) => Object.keys(secrets).length > 0, "must set at least one secret")
    .refine((secrets) => Object.keys(secrets).length <= 128, "must set at most 128 secrets at once"),
});

export const secretStateSchema = z.object({ key: z.string(), isSet: z.boolean(), updatedAt: timeSchema.nullable() });
