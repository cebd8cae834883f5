import { z } from "zod";
import { idSchema, runtimeProviderSchema, timeSchema } from "./base.ts";

export const sessionSchema = z.object({
  id: idSchema,
  agentId: idSchema,
  runtimeProvider: runtimeProviderSchema,
  createdAt: timeSchema.describe("When it first stored something"),
  lastUsedAt: timeSchema,
  expiresAt: timeSchema.describe("When it ends unless it is used again; on AgentCore the runtime may end it earlier"),
});
export type Session = z.output<typeof sessionSchema>;
