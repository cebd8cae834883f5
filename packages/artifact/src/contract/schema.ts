import { Range } from "semver";
import { z } from "zod";
import { MANIFEST_FILE } from "../parse-manifest.ts";
import { SCHEMA_VERSION } from "./schema-version.ts";

/** Name of the manifest that `artifactctl` looks for. */
export const ARTIFACT_FILE = "artifact.yml";
/** Most entries of one manifest. */
export const MAX_ENTRIES = 200;
/** Most files of one payload: what a bundle may hold. */
const MAX_FILES = 5_000;
const MAX_PARAMETERS = 256;

const nameSchema = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/, "must be 1 to 128 of A-Z, a-z, 0-9, ., _ and -");
const identifierSchema = z.string().regex(/^[a-z0-9][a-z0-9._-]{0,63}$/, "must be 1 to 64 of a-z, 0-9, ., _ and -");
const sha256Schema = z.string().regex(/^[0-9a-f]{64}$/, "must be 64 lower-case hexadecimal digits");
const modeSchema = z.enum(["local", "cloud"]);
const pathSchema = z.string().min(1, "must not be empty").max(4096);

const rangeSchema = z
  .string()
  .min(1, "must not be empty")
  .max(256)
  .refine(isRange, { params: { code: "PAYLOAD_RANGE_INVALID" }, message: "is no version range" });

function isRange(text: string): boolean {
  try {
    return new Range(text).set.length > 0;
  } catch (error) {
    if (error instanceof TypeError) return false;
    throw error;
  }
}

const runtimeStackSchema = z
  .strictObject({
    api_version: z
      .string()
      .regex(/^(?:0|[1-9]\d{0,5})\.(?:0|[1-9]\d{0,5})$/, 'must be text such as "1.0"')
      .optional()
      .describe("Oldest version of the API contract that the artifact needs."),
    mode: modeSchema.optional(),
    components: z
      .record(identifierSchema, rangeSchema)
      .optional()
      .describe("Version ranges by component: gateway, provisioner, agent, runtime-node."),
    capabilities: z.array(identifierSchema).max(64).optional(),
  })
  .describe("What the stack that runs must be able to do. Absent: nothing.");

const fileSchema = z.strictObject({
  path: pathSchema.describe("Relative to the bundle; inside the archive, if it is one."),
  sha256: sha256Schema,
  size: z.int().min(0).describe("Bytes."),
});

const entrySchema = z.strictObject({
  id: z.string().min(1, "must not be empty").max(128).describe("Made by `artifactctl manifest sync-ids`."),
  agent: z.string().max(256).describe("The agent that this becomes."),
  artifact_root: pathSchema.describe("Folder of the artifact, absolute or relative to the manifest's folder; never written to."),
  bundle: pathSchema.describe("Folder, .tar.gz or .zip under artifact_root."),
  payload: z.strictObject({
    digest: z.string().regex(/^sha256:[0-9a-f]{64}$/, "must be sha256: and 64 lower-case hexadecimal digits"),
    files: z.array(fileSchema).min(1, "must list the files of the bundle").max(MAX_FILES),
  }),
  required_secret_env: z.array(z.string().max(4096)).max(128).optional().describe("Names of secrets, never values."),
  source_template: z
    .strictObject({
      path: z
        .string()
        .max(4096)
        .refine((path) => path.trim() !== "", "must not be empty"),
      sha256: sha256Schema.optional(),
      parameters: z
        .record(z.string(), z.union([z.string(), z.boolean(), z.int()]))
        .refine((parameters) => Object.keys(parameters).length <= MAX_PARAMETERS, `must hold at most ${MAX_PARAMETERS} parameters`)
        .optional(),
    })
    .describe(`What the artifact was made of, such as the author's ${MANIFEST_FILE}.`),
  runtime_meta: z.record(z.string(), z.unknown()).optional().describe("Free integrity metadata; no proof of compatibility."),
});

/** `artifact.yml`, schema version 1. */
export const artifactSchema = z.strictObject({
  schema_version: z.string().describe(`"${SCHEMA_VERSION}"; major.minor.`),
  project: nameSchema,
  env: nameSchema,
  mode: modeSchema.optional().describe("The kind of stack that the artifact was made for."),
  generated_at: z.iso.datetime({ offset: true, message: "must be a time such as 2026-11-21T00:00:00Z" }).optional(),
  generator: z.strictObject({ name: z.string().min(1).max(128), version: z.string().min(1).max(128) }).optional(),
  runtime_stack: runtimeStackSchema.optional(),
  artifacts: z
    .array(entrySchema)
    .min(1, "must hold at least one entry")
    .max(MAX_ENTRIES)
    .describe("In the order in which they are applied."),
});

export type ArtifactManifest = z.output<typeof artifactSchema>;
export type ArtifactEntry = ArtifactManifest["artifacts"][number];
export type PayloadFile = ArtifactEntry["payload"]["files"][number];
export type SourceTemplate = ArtifactEntry["source_template"];
export type StackRequirements = z.output<typeof runtimeStackSchema>;

/** JSON Schema (2020-12) of `artifact.yml`, for editors. `schemas/artifact.v1.json` is this. */
export function artifactJsonSchema(): Record<string, unknown> {
  const { $schema, ...schema } = z.toJSONSchema(artifactSchema, { io: "input", target: "draft-2020-12" });
  return { $schema, title: "WHS artifact manifest (artifact.yml)", ...schema };
}
