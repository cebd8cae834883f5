import { z } from "zod";
import { idSchema, timeSchema } from "./base.ts";

export const auditEntrySchema = z.object({
  id: idSchema,
  action: z.string(),
  actor: z.string(),
  target: z.string().nullable(),
  traceId: z.string().nullable(),
  metadata: z.record(z.string(), z.unknown()),
  at: timeSchema,
});
