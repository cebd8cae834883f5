/**
 * The metadata of an upload, as the SDK's types have it. Fields that the API knows and this server cannot honour are refused
 * like unknown ones: whoever uses them here would believe what is not so.
 */
import { z } from "zod";

const bindingName = z.string().regex(/^[A-Za-z_$][A-Za-z0-9_$]*$/, "must be a JavaScript variable's name");
export const scriptNameSchema = z
  .string()
  .regex(/^[a-z0-9_][a-z0-9_-]{0,62}$/, "must have lower-case letters, digits, _ and -, 63 at most");
const className = z.string().regex(/^[A-Za-z_$][A-Za-z0-9_$]*$/);

const bindingSchema = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("plain_text"), name: bindingName, text: z.string() }),
  z.strictObject({ type: z.literal("secret_text"), name: bindingName, text: z.string().max(5 * 1024) }),
  z.strictObject({ type: z.literal("json"), name: bindingName, json: z.json() }),
  z.strictObject({ type: z.literal("dispatch_namespace"), name: bindingName, namespace: scriptNameSchema }),
  z.strictObject({ type: z.literal("service"), name: bindingName, service: scriptNameSchema, entrypoint: className.optional() }),
  z.strictObject({
    type: z.literal("durable_object_namespace"),
    name: bindingName,
    class_name: className,
    script_name: scriptNameSchema.optional(),
    dispatch_namespace: scriptNameSchema.optional(),
  }),
]);

const migrationsSchema = z.strictObject({
  old_tag: z.string().optional(),
  new_tag: z.string().min(1),
  new_sqlite_classes: z.array(className).min(1),
});

const observabilitySchema = z.strictObject({
  enabled: z.boolean(),
  head_sampling_rate: z.number().min(0).max(1).nullable().optional(),
  logs: z
    .strictObject({
      enabled: z.boolean(),
      invocation_logs: z.boolean(),
      head_sampling_rate: z.number().min(0).max(1).nullable().optional(),
    })
    .nullable()
    .optional(),
});

const isPast = (date: string): boolean => Date.parse(date) <= Date.now() + 24 * 3600_000;

export const metadataSchema = z.strictObject({
  main_module: z.string().min(1),
  compatibility_date: z.iso.date().refine(isPast, "must not be in the future").optional(),
  compatibility_flags: z.array(z.string().regex(/^[a-z0-9_]+$/)).optional(),
  bindings: z.array(bindingSchema).optional(),
  migrations: migrationsSchema.optional(),
  tags: z
    .array(
      z
        .string()
        .min(1)
        .max(1024)
        .regex(/^[^,&]+$/, "must have no comma and no ampersand"),
    )
    .max(8)
    .optional(),
  tail_consumers: z.array(z.strictObject({ service: scriptNameSchema })).optional(),
  observability: observabilitySchema.optional(),
  limits: z.strictObject({ cpu_ms: z.int().min(1).max(300_000).optional() }).optional(),
});
export type Metadata = z.output<typeof metadataSchema>;

export const createNamespaceSchema = z.strictObject({ name: scriptNameSchema });
export const publishSchema = z.strictObject({ enabled: z.boolean(), previews_enabled: z.boolean().optional() });
export const patchSecretsSchema = z.strictObject({
  secrets: z.record(
    bindingName,
    z.strictObject({ type: z.literal("secret_text"), name: bindingName, text: z.string().max(5 * 1024) }).nullable(),
  ),
});
