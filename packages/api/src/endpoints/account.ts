import { z } from "zod";
import { endpoint } from "../endpoint.ts";
import { idParams, pageOf, pageQuerySchema } from "../schemas/base.ts";
import { auditEntrySchema, auditQuery } from "../schemas/audit.ts";
import { apiTokenSchema, createTokenBody } from "../schemas/token.ts";
import { entitlementsSchema, userSchema } from "../schemas/user.ts";

export const getMe = endpoint({
  name: "me.get",
  method: "GET",
  path: "/v1/me",
  summary: "Who is signed in, and what the plan allows",
  access: { kind: "user", scope: null },
  answer: { kind: "json", status: 200, schema: z.object({ user: userSchema, entitlements: entitlementsSchema }) },
  errors: [],
});

export const createToken = endpoint({
  name: "tokens.create",
  method: "POST",
  path: "/v1/tokens",
  summary: "Create an API token; its secret is shown this once",
  access: { kind: "user", scope: "tokens:write" },
  body: { kind: "json", schema: createTokenBody },
  answer: { kind: "json", status: 201, schema: z.object({ token: apiTokenSchema, secret: z.string() }) },
  errors: ["CONFLICT"],
  idempotent: true,
});

export const listTokens = endpoint({
  name: "tokens.list",
  method: "GET",
  path: "/v1/tokens",
  summary: "List API tokens",
  access: { kind: "user", scope: null },
  query: pageQuerySchema,
  answer: { kind: "json", status: 200, schema: pageOf(apiTokenSchema) },
  errors: [],
});

export const revokeToken = endpoint({
  name: "tokens.revoke",
  method: "DELETE",
  path: "/v1/tokens/{id}",
  summary: "Revoke an API token",
  access: { kind: "user", scope: "tokens:write" },
  params: idParams,
  answer: { kind: "empty", status: 204 },
  errors: ["NOT_FOUND"],
});

export const listAudit = endpoint({
  name: "audit.list",
  method: "GET",
  path: "/v1/audit",
  summary: "List what was done with this account",
  access: { kind: "user", scope: "audit:read" },
  query: auditQuery,
  answer: { kind: "json", status: 200, schema: pageOf(auditEntrySchema) },
  errors: [],
});
