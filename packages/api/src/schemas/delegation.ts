import { z } from "zod";
import { textSchema } from "./base.ts";
import { invokeLimits, invokeRequestSchema } from "./invoke.ts";

/** Bounds of what a source says beside the invocation itself. */
export const delegationLimits = {
  /** An invocation of the greatest size, with its delegation around it. */
  bodyBytes: invokeLimits.bodyBytes + 16 * 1024,
  correlationFields: 16,
  correlationChars: 256,
  /** All of it as JSON: it ends in the user's audit log. */
  correlationBytes: 2048,
} as const;

const correlationSchema = z
  .record(
    z.string().regex(/^[A-Za-z][A-Za-z0-9_.-]{0,63}$/, "must be 1 to 64 of A-Z, a-z, 0-9, _ . - and begin with a letter"),
    z.union([textSchema.max(delegationLimits.correlationChars), z.number(), z.boolean()]),
  )
  .refine(
    (fields) => Object.keys(fields).length <= delegationLimits.correlationFields,
    `must have at most ${delegationLimits.correlationFields} fields`,
  )
  .refine(
    (fields) => new TextEncoder().encode(JSON.stringify(fields)).length <= delegationLimits.correlationBytes,
    `must have at most ${delegationLimits.correlationBytes} bytes`,
  );

export const delegationSchema = z.strictObject({
  mode: z.literal("hmac_v1"),
  externalUserId: textSchema.min(1).max(256).describe("The user's subject at the identity provider"),
  idempotencyKey: z.string().regex(/^[\x21-\x7e]{1,200}$/, "must be 1 to 200 visible ASCII characters"),
  correlation: correlationSchema.optional().describe("Ids of the source's own, for the user's audit log; no secrets"),
});
export type Delegation = z.output<typeof delegationSchema>;

export const delegatedInvokeBody = z.strictObject({ delegation: delegationSchema, invoke: invokeRequestSchema });
