/** Requests of the control API, with the limits of AWS's service model. */
import { z } from "zod";
import { type FieldError, invalidFields } from "../http/aws-error.ts";
import { jsonOf } from "../http/routes.ts";

const MAX_VARIABLES = 50;
const MAX_TAGS = 50;
const MIN_LIFE_SECONDS = 60;
const MAX_LIFE_SECONDS = 28_800;
const DEFAULT_IDLE_SECONDS = 900;

const name = z.string().regex(/^[a-zA-Z][a-zA-Z0-9_]{0,47}$/, "must match [a-zA-Z][a-zA-Z0-9_]{0,47}");
const clientToken = z
  .string()
  .min(33)
  .max(256)
  .regex(/^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,255}$/, "must be letters, digits and dashes")
  .optional();
const description = z.string().min(1).max(4096).optional();
const version = z.string().regex(/^[1-9][0-9]{0,4}$/, "must be a version's number");

function entries(maximum: number, what: string, key: { min: number; max: number }, value: { max: number }) {
  return z
    .record(z.string().min(key.min).max(key.max), z.string().max(value.max))
    .refine((map) => Object.keys(map).length <= maximum, `must have at most ${maximum} ${what}`);
}

export const tagsSchema = entries(MAX_TAGS, "tags", { min: 1, max: 128 }, { max: 256 });

const lifecycle = z
  .object({
    idleRuntimeSessionTimeout: z.int().min(MIN_LIFE_SECONDS).max(MAX_LIFE_SECONDS).default(DEFAULT_IDLE_SECONDS),
    maxLifetime: z.int().min(MIN_LIFE_SECONDS).max(MAX_LIFE_SECONDS).default(MAX_LIFE_SECONDS),
  })
  .refine((life) => life.idleRuntimeSessionTimeout <= life.maxLifetime, "idleRuntimeSessionTimeout must be at most maxLifetime");

/** What this service does not have is refused, so that nobody takes it for having been tried. */
const absent = (what: string) => z.undefined(`${what} is not available in the local service`).optional();

const runtimeSchema = z.object({
  agentRuntimeArtifact: z.object({
    containerConfiguration: z.object({ containerUri: z.string().min(1).max(1024) }),
    codeConfiguration: absent("codeConfiguration"),
  }),
  roleArn: z
    .string()
    .min(1)
    .max(2048)
    .regex(/^arn:aws(-[^:]+)?:iam::([0-9]{12})?:role\/.+$/, "must be the ARN of an IAM role"),
  networkConfiguration: z
    .object({ networkMode: z.literal("PUBLIC", "must be PUBLIC: VPC is not available in the local service") })
    .default({ networkMode: "PUBLIC" }),
  description,
  authorizerConfiguration: absent("authorizerConfiguration"),
  requestHeaderConfiguration: z
    .object({
      requestHeaderAllowlist: z.array(z.string().regex(/^(Authorization|X-Amzn-Bedrock-AgentCore-Runtime-Custom-[a-zA-Z0-9-]+)$/i)).max(20),
    })
    .optional(),
  protocolConfiguration: z.object({ serverProtocol: z.enum(["HTTP", "MCP", "A2A", "AGUI"]) }).optional(),
  lifecycleConfiguration: lifecycle.default({ idleRuntimeSessionTimeout: DEFAULT_IDLE_SECONDS, maxLifetime: MAX_LIFE_SECONDS }),
  environmentVariables: entries(MAX_VARIABLES, "environment variables", { min: 1, max: 100 }, { max: 5000 }).optional(),
  filesystemConfigurations: z
    .array(
      z.object({
        sessionStorage: z.object({ mountPath: z.string().regex(/^\/mnt\/[a-zA-Z0-9._-]+\/?$/, "must be one directory under /mnt") }),
      }),
    )
    .max(1)
    .optional(),
  capacityProviderConfiguration: absent("capacityProviderConfiguration"),
  metadataConfiguration: z.object({ requireMMDSV2: z.boolean() }).optional(),
  platformVersion: z.string().max(128).optional(),
  clientToken,
});

export const createRuntimeSchema = runtimeSchema.extend({ agentRuntimeName: name, tags: tagsSchema.optional() });
export const updateRuntimeSchema = runtimeSchema;
export const createEndpointSchema = z.object({
  name,
  agentRuntimeVersion: version.optional(),
  description,
  clientToken,
  tags: tagsSchema.optional(),
});
export const updateEndpointSchema = z.object({ agentRuntimeVersion: version.optional(), description, clientToken });
export const tagResourceSchema = z.object({ tags: tagsSchema });
export const pageSchema = z.object({
  maxResults: z.coerce.number().int().min(1).max(100).default(100),
  nextToken: z.string().min(1).max(2048).optional(),
});

export type RuntimeInput = z.output<typeof runtimeSchema>;

/** @throws AwsError naming every field that is wrong. */
export function parse<S extends z.ZodType>(schema: S, value: unknown): z.output<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw invalidFields(
    result.error.issues.map((issue): FieldError => ({ name: issue.path.join(".") || "request", message: issue.message })),
  );
}

/** @throws AwsError */
export function parseBody<S extends z.ZodType>(schema: S, body: Buffer): z.output<S> {
  return parse(schema, jsonOf(body));
}
