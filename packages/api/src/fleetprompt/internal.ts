/** What target systems ask, server to server. */
import { z } from "zod";
import { idSchema } from "../schemas/base.ts";
import { assetKind, fleetPromptEndpoint, intentStatus, okAnswer, targetSystem, timeMs } from "./base.ts";

const signed = {
  kind: "signature",
  headers: ["X-WHS-Delegation-Source", "X-WHS-Delegation-Timestamp", "X-WHS-Delegation-Signature"],
} as const;
const maxBytes = 256 * 1024;

export const redeemBody = z.strictObject({
  installToken: z.string().min(1).max(200),
  targetSystem,
  expectedBuyerExternalUserId: z.string().min(1).max(255).optional(),
});
export type RedeemBody = z.output<typeof redeemBody>;

const person = z.object({ externalUserId: z.string() });
export const redemption = z.object({
  installIntent: z.object({
    installIntentId: idSchema,
    buyerUserId: idSchema,
    listingId: idSchema,
    releaseId: idSchema,
    targetSystem,
    targetContext: z.object({ telespaceId: z.string().optional(), roomId: z.string().optional(), orgId: z.string().optional() }),
    status: intentStatus,
    expiresAtMs: timeMs,
    createdAtMs: timeMs,
    updatedAtMs: timeMs,
  }),
  buyer: person,
  publisher: person,
  listing: z.object({ listingId: idSchema, assetKind, name: z.string() }),
  release: z.object({
    releaseId: idSchema,
    version: z.string(),
    refs: z.object({
      whsAgentId: z.string().optional(),
      whsDeploymentId: z.string().optional(),
      agentromaticWorkflowId: z.string().optional(),
      specAssetId: z.string().optional(),
    }),
    compat: z.object({
      minWHSVersion: z.string().optional(),
      minAgentromaticVersion: z.string().optional(),
      minAgentelicVersion: z.string().optional(),
    }),
    artifacts: z.array(
      z.object({
        kind: z.enum(["source_bundle", "build_artifact", "manifest"]),
        sha256: z.string(),
        sizeBytes: z.int().min(0),
        download: z.object({ mode: z.literal("none"), hint: z.string().optional() }),
      }),
    ),
  }),
});
export type Redemption = z.output<typeof redemption>;

export const redeemToken = fleetPromptEndpoint({
  name: "installs.redeem",
  method: "POST",
  path: "/v1/internal/install/redeem",
  summary: "Turn an install token into what is to be installed, once",
  description:
    "Signed by the target system over the bytes of the body, like a delegated invocation of WHS. With an `Idempotency-Key` the same " +
    "source, key and body get the same answer for 24 hours. Any other token that cannot be redeemed is `NOT_FOUND`, whatever the reason.",
  access: signed,
  body: { kind: "raw", contentTypes: ["application/json"], maxBytes, schema: redeemBody },
  answer: { kind: "json", status: 200, schema: redemption, headers: ["Idempotency-Replayed"] },
  errors: ["UNAUTHORIZED", "NOT_FOUND", "CONFLICT", "RATE_LIMITED"],
});

export const acknowledgeBody = z.strictObject({
  installIntentId: idSchema,
  outcome: z.enum(["installed", "failed"]),
  correlationId: z.string().regex(/^[\x21-\x7e]{1,200}$/, "must be 1 to 200 visible ASCII characters"),
});
export type AcknowledgeBody = z.output<typeof acknowledgeBody>;

export const acknowledgeInstall = fleetPromptEndpoint({
  name: "installs.acknowledge",
  method: "POST",
  path: "/v1/internal/install/ack",
  summary: "Say how an install ended, which nobody else can; it may be repeated",
  access: signed,
  body: { kind: "raw", contentTypes: ["application/json"], maxBytes, schema: acknowledgeBody },
  answer: okAnswer,
  errors: ["UNAUTHORIZED", "NOT_FOUND", "CONFLICT", "RATE_LIMITED"],
});
