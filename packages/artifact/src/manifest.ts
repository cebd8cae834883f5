import { z } from "zod";

/** Environment variable names an agent may declare. The prefixes belong to the platform. */
export const envKeySchema = z
  .string()
  .regex(/^[A-Z][A-Z0-9_]{0,127}$/, "must be an upper-case name of up to 128 of A-Z, 0-9 and _")
  .refine((key) => !key.startsWith("WHS_") && !key.startsWith("TELEMETRY_"), "must not start with WHS_ or TELEMETRY_");

const envKeysSchema = z.array(envKeySchema).max(128);

/** `cloudflare` block: what an author may choose about the Workers runtime. */
export const cloudflareConfigSchema = z.strictObject({
  compatibilityDate: z.string().regex(/^\d{4}-\d{2}-\d{2}$/, "must be a date such as 2026-11-01").optional(),
  compatibilityFlags: z.array(z.string().regex(/^[a-z0-9_]{1,64}$/)).max(32).optional(),
});

const agentcoreManifestSchema = z.strictObject({
  container: z.strictObject({ port: z.int().min(1).max(65535).optional(), healthcheckPath: z.string().regex(/^\/[\x21-\x7e]{0,199}$/).optional() }).optional(),
  lifecycle: z
    .strictObject({ idleTimeoutSeconds: z.int().min(60).max(28800).optional(), maxLifetimeSeconds: z.int().min(60).max(28800).optional() })
    .optional(),
  network: z.strictObject({ mode: z.enum(["PUBLIC", "VPC"]).optional() }).optional(),
  vCpu: z.number().min(0.25).max(16).optional(),
  memoryMb: z.int().min(512).max(32768).optional(),
});

/** `agent.config.json` at a bundle's root. */
export const agentManifestSchema = z
  .strictObject({
    $schema: z.string().max(2048).optional(),
    name: z.string().regex(/^[A-Za-z0-9_-]{3,64}$/, "must be 3 to 64 of A-Z, a-z, 0-9, _ and -").optional(),
    protocol: z.literal("invoke/v1"),
    runtime: z.enum(["cloudflare", "agentcore"]),
    entrypoint: z.string().min(1).max(512),
    sessionful: z.boolean().default(true),
    env: z.strictObject({ requiredKeys: envKeysSchema.default([]), optionalKeys: envKeysSchema.default([]) }).default({ requiredKeys: [], optionalKeys: [] }),
    capabilities: z
      .strictObject({
        streaming: z.boolean().default(false),
        tools: z.boolean().default(false),
        memory: z.boolean().optional(),
        codeInterpreter: z.boolean().optional(),
        browser: z.boolean().optional(),
      })
      .default({ streaming: false, tools: false }),
    cloudflare: cloudflareConfigSchema.optional(),
    agentcore: agentcoreManifestSchema.optional(),
  })
  .superRefine((manifest, context) => {
    const other = manifest.runtime === "cloudflare" ? "agentcore" : "cloudflare";
    if (manifest[other] !== undefined) {
      context.addIssue({ code: "custom", path: [other], message: `runtime is "${manifest.runtime}": remove the "${other}" block` });
    }
  });

export type AgentManifest = z.output<typeof agentManifestSchema>;
export type AgentManifestInput = z.input<typeof agentManifestSchema>;
