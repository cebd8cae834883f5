import { z } from "zod";

/** What the child gets on its standard input, once the bundle is there: one JSON text. Paths are those that the child sees. */
export interface BuildRequest {
  bundleDir: string;
  /** Relative to `bundleDir`, as the manifest has it. */
  entrypoint: string;
  /** Entry of the platform's own `@whs/agent`. */
  agentEntry: string;
  /** Package conditions of the runtime, most specific first. */
  conditions: readonly string[];
  mainModule: string;
  maxSourceBytes: number;
}

const findingSchema = z.strictObject({
  file: z.string().max(1000),
  line: z.int().positive().optional(),
  column: z.int().positive().optional(),
  message: z.string().max(1000),
});
const findingsSchema = z.array(findingSchema).max(100);

/** Names that no runtime can mistake for a path. */
const moduleName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/);

/**
 * What the child writes to its standard output: the line `ready`, then one of these as JSON. It read the bundle, so it is
 * believed no more than the bundle is.
 */
export const buildReplySchema = z.discriminatedUnion("outcome", [
  z.strictObject({
    outcome: z.literal("built"),
    text: z.string(),
    /** Of the main module, in JSON; without the sources themselves. */
    sourceMap: z.string(),
    wasm: z.record(moduleName, z.base64()),
    warnings: findingsSchema,
  }),
  z.strictObject({ outcome: z.literal("refused"), findings: findingsSchema.min(1) }),
  /** esbuild itself ended: out of memory, mostly. */
  z.strictObject({ outcome: z.literal("stopped") }),
]);
export type BuildReply = z.infer<typeof buildReplySchema>;

/** Tells that the child got as far as running our code: what ends it from here on is the bundle's doing. */
export const READY = "ready\n";
