import { z } from "zod";

const versionSchema = z.string().max(128);

const observationSchema = z.object({
  apiVersion: z.string().regex(/^\d{1,6}\.\d{1,6}$/),
  mode: z.enum(["local", "cloud"]),
  components: z
    .array(
      z.object({
        name: z.string().max(64),
        version: versionSchema.nullable(),
        status: z.enum(["up", "down"]),
        capabilities: z.array(z.string().max(64)).max(256),
      }),
    )
    .max(64),
  protocols: z.array(z.string().max(64)).max(64).default([]),
});

/** What runs, as the stack says itself: the part of `GET /v1/runtime/stack` that decides. */
export type StackObservation = z.output<typeof observationSchema>;

/** Null for an answer that is no observation. */
export function readObservation(answer: unknown): StackObservation | null {
  const parsed = observationSchema.safeParse(answer);
  return parsed.success ? parsed.data : null;
}
