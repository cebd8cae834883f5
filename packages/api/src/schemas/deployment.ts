import { agentManifestSchema } from "@whs/artifact";
import { z } from "zod";
import { idSchema, runtimeProviderSchema, textSchema, timeSchema } from "./base.ts";

export const deploymentStatusSchema = z.enum(["deploying", "active", "failed", "rolled_back"]);
export type DeploymentStatus = z.output<typeof deploymentStatusSchema>;

const githubUrlSchema = z
  .string()
  .regex(
    /^https:\/\/github\.com\/[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})\/(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}$/,
    "must be https://github.com/<owner>/<repository>",
  );
/** Of what git allows, the names that a URL's path can hold as they are. */
const gitRefSchema = z
  .string()
  .regex(/^(?!.*(?:\.\.|\/\/|\/\.|\.\/|[./]$))[A-Za-z0-9][A-Za-z0-9._/-]{0,199}$/, "must be a branch, a tag or a commit");

export const artifactBody = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("uploaded_bundle"), uploadId: idSchema }),
  z.strictObject({ type: z.literal("repo_ref"), githubUrl: githubUrlSchema, ref: gitRefSchema }),
]);

export const createDeploymentBody = z.strictObject({
  artifact: artifactBody,
  commitHash: z
    .string()
    .regex(/^[0-9a-fA-F]{7,64}$/, "must be 7 to 64 hexadecimal digits")
    .optional(),
  version: z.int().min(1).optional(),
  setAsActive: z.boolean().default(true),
});

export const deploymentSchema = z.object({
  id: idSchema,
  agentId: idSchema,
  version: z.int(),
  runtimeProvider: runtimeProviderSchema,
  status: deploymentStatusSchema,
  commitHash: z.string().nullable(),
  artifact: z.object({
    type: z.enum(["uploaded_bundle", "repo_ref"]),
    source: z.union([
      z.object({ uploadId: idSchema, checksum: z.string(), sizeBytes: z.int() }),
      z.object({ githubUrl: z.string(), ref: z.string() }),
    ]),
    resolved: z
      .object({ commit: z.string(), uploadId: idSchema, checksum: z.string(), sizeBytes: z.int() })
      .optional()
      .describe("What a repo_ref turned out to be, once it was fetched"),
    agentcoreContainer: z.object({ imageUri: z.string(), imageDigest: z.string(), buildId: z.string() }).optional(),
  }),
  manifest: agentManifestSchema.nullable(),
  providerRef: z.object({
    cloudflare: z.object({ workerName: z.string(), workerUrl: z.string().nullable() }).nullable(),
    agentcore: z.object({ agentRuntimeArn: z.string(), agentRuntimeId: z.string(), region: z.string(), qualifier: z.string() }).nullable(),
  }),
  errorMessage: z.string().nullable(),
  createdAt: timeSchema,
  deployedAt: timeSchema.nullable(),
  finishedAt: timeSchema.nullable(),
  deployedBy: idSchema,
});
export type Deployment = z.output<typeof deploymentSchema>;

export const uploadSchema = z.object({ id: idSchema, checksum: z.string(), sizeBytes: z.int(), expiresAt: timeSchema });

export const activateBody = z.strictObject({ reason: textSchema.max(1000).optional() });

export const logLineSchema = z.object({
  timestamp: timeSchema,
  level: z.enum(["debug", "info", "warn", "error"]),
  source: z.enum(["deploy", "agent"]),
  message: z.string(),
  traceId: z.string().optional(),
});
export type LogLine = z.output<typeof logLineSchema>;
