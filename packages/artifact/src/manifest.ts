import { z } from "zod";
import { checkPath } from "./paths.ts";

/** Environment variable names an agent may declare. The prefixes belong to the platform. */
export const envKeySchema = z
  .string()
  .regex(/^[A-Z][A-Z0-9_]{0,127}$/, "must be an upper-case name of up to 128 of A-Z, 0-9 and _")
  .regex(/^(?!WHS_|TELEMETRY_)/, "must not start with WHS_ or TELEMETRY_, which belong to the platform");

/** Most names that an agent may declare, required and optional together. */
export const MAX_ENV_KEYS = 128;
const envKeysSchema = z.array(envKeySchema).max(MAX_ENV_KEYS);

/** `cloudflare` block: what an author may choose about the Workers runtime. */
export const cloudflareConfigSchema = z.strictObject({
  compatibilityDate: z.iso.date("must be a date such as 2026-11-01").optional(),
  compatibilityFlags: z
    .array(z.string().regex(/^[a-z0-9_]{1,64}$/, "must be a flag such as nodejs_compat: 1 to 64 of a-z, 0-9 and _"))
    .max(32)
    .optional(),
});

const lifecycleSchema = z
  .strictObject({
    idleTimeoutSeconds: z.int().min(60).max(28800).optional(),
    maxLifetimeSeconds: z.int().min(60).max(28800).optional(),
  })
  .refine(({ idleTimeoutSeconds, maxLifetimeSeconds }) => (idleTimeoutSeconds ?? 0) <= (maxLifetimeSeconds ?? 28800), {
    path: ["idleTimeoutSeconds"],
    message: "must not be longer than maxLifetimeSeconds",
  });

const agentcoreManifestSchema = z.strictObject({
  container: z
    .strictObject({
      port: z.int().min(1).max(65535).optional(),
      healthcheckPath: z
        .string()
        .regex(/^\/[\x21-\x7e]{0,199}$/, "must be a path such as /ping, of up to 200 visible ASCII characters")
        .optional(),
    })
    .optional(),
  lifecycle: lifecycleSchema.optional(),
  network: z.strictObject({ mode: z.enum(["PUBLIC", "VPC"]).optional() }).optional(),
  vCpu: z.number().min(0.25).max(16).optional(),
  memoryMb: z.int().min(512).max(32768).optional(),
});

const entrypointSchema = z
  .string()
  .min(1)
  .superRefine((entrypoint, context) => {
    const checked = checkPath(entrypoint);
    if (!checked.ok) context.addIssue({ code: "custom", message: checked.reason });
    else if (checked.path !== entrypoint.replace(/^(?:\.\/)+/, ""))
      context.addIssue({ code: "custom", message: "must be the path of a file" });
  })
  .transform((entrypoint) => entrypoint.replace(/^(?:\.\/)+/, ""));

/** `agent.config.json` at a bundle's root. */
export const agentManifestSchema = z
  .strictObject({
    $schema: z.string().max(2048).optional(),
    name: z
      .string()
      .regex(/^[A-Za-z0-9_-]{3,64}$/, "must be 3 to 64 of A-Z, a-z, 0-9, _ and -")
      .optional(),
    protocol: z.literal("invoke/v1"),
    runtime: z.enum(["cloudflare", "agentcore"]),
    entrypoint: entrypointSchema.describe("ES module at this path, relative to the bundle's root; TypeScript is fine."),
    sessionful: z.boolean().default(true),
    env: z
      .strictObject({ requiredKeys: envKeysSchema.default([]), optionalKeys: envKeysSchema.default([]) })
      .superRefine(({ requiredKeys, optionalKeys }, context) => {
        if (requiredKeys.length + optionalKeys.length > MAX_ENV_KEYS)
          context.addIssue({ code: "custom", message: `must name at most ${MAX_ENV_KEYS} keys in all` });
        optionalKeys.forEach((key, index) => {
          if (requiredKeys.includes(key))
            context.addIssue({ code: "custom", path: ["optionalKeys", index], message: `"${key}" is required already` });
        });
      })
      .default({ requiredKeys: [], optionalKeys: [] }),
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
