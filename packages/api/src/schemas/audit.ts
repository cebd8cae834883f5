import { z } from "zod";
import { idSchema, pageQuerySchema, textSchema, timeSchema } from "./base.ts";

export const auditEntrySchema = z.object({
  id: idSchema,
  action: z.string(),
  actor: z.string(),
  target: z.string().nullable(),
  traceId: z.string().nullable(),
  metadata: z.record(z.string(), z.unknown()),
  at: timeSchema,
});
export type AuditEntry = z.output<typeof auditEntrySchema>;

export const auditQuery = pageQuerySchema.extend({
  action: textSchema.min(1).max(100).optional().describe("An action such as `token.created`, or all of a kind: `token`"),
  target: textSchema.min(1).max(256).optional().describe("The id of what it was done to"),
});
