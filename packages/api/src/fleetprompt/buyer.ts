/** What whoever installs sees and changes of its own. */
import { z } from "zod";
import { idSchema, pageOf } from "../schemas/base.ts";
import { fleetPromptEndpoint, idParams, intentStatus, pageQuery, reason, targetSystem, timeMs } from "./base.ts";

const signedIn = { kind: "user", scope: null } as const;

const contextText = z.string().min(1).max(200);
const targetContext = z.strictObject({
  telespaceId: contextText.optional(),
  roomId: contextText.optional(),
  orgId: contextText.optional(),
});
export type TargetContext = z.output<typeof targetContext>;

export const installIntent = z.object({
  installIntentId: idSchema,
  buyerUserId: idSchema,
  listingId: idSchema,
  releaseId: idSchema,
  targetSystem,
  targetContext,
  status: intentStatus,
  /** What the target system has said of the install; null until it has. */
  outcome: z.enum(["installed", "failed"]).nullable(),
  expiresAtMs: timeMs,
  createdAtMs: timeMs,
  updatedAtMs: timeMs,
});
export type InstallIntent = z.output<typeof installIntent>;
const intentAnswer = z.object({ installIntent });

export const createIntent = fleetPromptEndpoint({
  name: "installs.createIntent",
  method: "POST",
  path: "/v1/install/intents",
  summary: "Say that one wants to install a release into a system",
  access: signedIn,
  body: {
    kind: "json",
    schema: z.strictObject({ listingId: idSchema, releaseId: idSchema, targetSystem, targetContext: targetContext.optional() }),
  },
  answer: { kind: "json", status: 201, schema: intentAnswer },
  errors: ["NOT_FOUND", "CONFLICT", "RATE_LIMITED"],
  idempotent: "required",
});

/** How long an install token lives, in milliseconds. */
export const tokenTtlMs = { least: 10 * 60_000, usual: 30 * 60_000, most: 60 * 60_000 };

export const issueToken = fleetPromptEndpoint({
  name: "installs.issueToken",
  method: "POST",
  path: "/v1/install/intents/{id}/token",
  summary: "A token for the target system, shown here alone; an earlier one is revoked",
  description: "The same `Idempotency-Key` shows the same token again.",
  access: signedIn,
  params: idParams,
  body: { kind: "json", schema: z.strictObject({ ttlMs: z.int().min(tokenTtlMs.least).max(tokenTtlMs.most).optional() }) },
  answer: {
    kind: "json",
    status: 201,
    schema: z.object({
      installIntentId: idSchema,
      installToken: z.string(),
      expiresAtMs: timeMs,
      redeem: z.object({ mode: z.literal("server_to_server"), targetSystem }),
      /** Where the target system's people go on; without the token. Null where the installation names no such place. */
      deepLink: z.string().nullable(),
    }),
  },
  errors: ["NOT_FOUND", "CONFLICT", "RATE_LIMITED"],
  idempotent: "required",
});

export const listIntents = fleetPromptEndpoint({
  name: "installs.listIntents",
  method: "GET",
  path: "/v1/install/intents",
  summary: "One's own install intents, newest first",
  access: signedIn,
  query: pageQuery.extend({ status: intentStatus.optional() }),
  answer: { kind: "json", status: 200, schema: pageOf(installIntent) },
  errors: [],
});

export const getIntent = fleetPromptEndpoint({
  name: "installs.getIntent",
  method: "GET",
  path: "/v1/install/intents/{id}",
  summary: "One of one's own install intents",
  access: signedIn,
  params: idParams,
  answer: { kind: "json", status: 200, schema: intentAnswer },
  errors: ["NOT_FOUND"],
});

export const cancelIntent = fleetPromptEndpoint({
  name: "installs.cancelIntent",
  method: "POST",
  path: "/v1/install/intents/{id}/cancel",
  summary: "Give up an install that has not been redeemed; its token is revoked",
  access: signedIn,
  params: idParams,
  answer: { kind: "json", status: 200, schema: intentAnswer },
  errors: ["NOT_FOUND", "CONFLICT", "RATE_LIMITED"],
  idempotent: true,
});

export const reportListing = fleetPromptEndpoint({
  name: "reports.create",
  method: "POST",
  path: "/v1/reports",
  summary: "Tell the operator of a listing that breaks the rules",
  access: signedIn,
  body: { kind: "json", schema: z.strictObject({ listingId: idSchema, reason }) },
  answer: {
    kind: "json",
    status: 201,
    schema: z.object({ report: z.object({ reportId: idSchema, listingId: idSchema, createdAtMs: timeMs }) }),
  },
  errors: ["NOT_FOUND", "CONFLICT", "RATE_LIMITED"],
  idempotent: true,
});
