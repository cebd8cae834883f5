import { z } from "zod";
import { idSchema, sentTimeSchema, textSchema, timeSchema } from "./base.ts";

export const scopes = [
  "agents:read",
  "agents:write",
  "deployments:write",
  "secrets:write",
  "invoke",
  "usage:read",
  "billing:write",
  "tokens:write",
  "installs:write",
  "audit:read",
] as const;
export const scopeSchema = z.enum(scopes);
export type Scope = z.output<typeof scopeSchema>;

/** What a token may do when its creator names no scopes: all but making more tokens. */
export const defaultScopes: readonly Scope[] = scopes.filter((scope) => scope !== "tokens:write");

export const apiTokenSchema = z.object({
  id: idSchema,
  name: z.string(),
  scopes: z.array(scopeSchema),
  expiresAt: timeSchema.nullable(),
  createdAt: timeSchema,
  lastUsedAt: timeSchema.nullable(),
});
export type ApiToken = z.output<typeof apiTokenSchema>;

export const createTokenBody = z.strictObject({
  name: textSchema.trim().min(1).max(100),
  scopes: z.array(scopeSchema).min(1).max(scopes.length).optional(),
  expiresAt: sentTimeSchema.optional(),
});
