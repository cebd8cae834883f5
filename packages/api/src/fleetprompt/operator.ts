/** What the operator of an installation does, by its token. */
import { z } from "zod";
import { idSchema, pageOf } from "../schemas/base.ts";
import { fleetPromptEndpoint, listingStatus, pageQuery, reason, role, timeMs, verificationStatus } from "./base.ts";

const operator = { kind: "operator" } as const;
const userParams = z.strictObject({
  emailOrExternalId: z.string().min(1).max(320).describe("The issuer's `sub`, or an e-mail address that one account alone has"),
});

const account = z.object({
  userId: idSchema,
  /** The issuer's `sub`. */
  externalId: z.string(),
  email: z.string().nullable(),
  name: z.string().nullable(),
  roles: z.array(role),
  publisherId: idSchema.nullable(),
  disabledAtMs: timeMs.nullable(),
  createdAtMs: timeMs,
});
export type MarketplaceAccount = z.output<typeof account>;
const accountAnswer = { kind: "json", status: 200, schema: z.object({ user: account }) } as const;
export const grantableRole = z.enum(["publisher", "admin"]);

export const getAccount = fleetPromptEndpoint({
  name: "operator.getUser",
  method: "GET",
  path: "/v1/operator/users/{emailOrExternalId}",
  summary: "An account of the marketplace",
  access: operator,
  params: userParams,
  answer: accountAnswer,
  errors: ["NOT_FOUND", "CONFLICT"],
});

export const changeRole = fleetPromptEndpoint({
  name: "operator.changeRole",
  method: "POST",
  path: "/v1/operator/users/{emailOrExternalId}/roles",
  summary: "Give a role to an account, or take it away",
  access: operator,
  params: userParams,
  body: { kind: "json", schema: z.strictObject({ role: grantableRole, grant: z.boolean() }) },
  answer: accountAnswer,
  errors: ["NOT_FOUND", "CONFLICT"],
});

export const disableAccount = fleetPromptEndpoint({
  name: "operator.disableUser",
  method: "POST",
  path: "/v1/operator/users/{emailOrExternalId}/disable",
  summary: "Refuse an account; its listings stay as they are",
  access: operator,
  params: userParams,
  answer: accountAnswer,
  errors: ["NOT_FOUND", "CONFLICT"],
});

export const enableAccount = fleetPromptEndpoint({
  name: "operator.enableUser",
  method: "POST",
  path: "/v1/operator/users/{emailOrExternalId}/enable",
  summary: "Accept a disabled account again",
  access: operator,
  params: userParams,
  answer: accountAnswer,
  errors: ["NOT_FOUND", "CONFLICT"],
});

const publisherEntry = z.object({
  publisherId: idSchema,
  userId: idSchema,
  externalId: z.string(),
  displayName: z.string(),
  approved: z.boolean(),
  verified: z.object({ status: verificationStatus, checkedAtMs: timeMs.nullable(), reason: z.string().nullable() }),
  createdAtMs: timeMs,
});
export type PublisherEntry = z.output<typeof publisherEntry>;

export const listPublishers = fleetPromptEndpoint({
  name: "operator.listPublishers",
  method: "GET",
  path: "/v1/operator/publishers",
  summary: "Publishers, newest first",
  access: operator,
  query: pageQuery.extend({ approved: z.enum(["true", "false"]).optional() }),
  answer: { kind: "json", status: 200, schema: pageOf(publisherEntry) },
  errors: [],
});

export const setVerification = fleetPromptEndpoint({
  name: "operator.setVerification",
  method: "POST",
  path: "/v1/operator/publishers/{publisherId}/verification",
  summary: "Say whether a publisher is who it says; a badge that grants nothing",
  access: operator,
  params: z.strictObject({ publisherId: idSchema }),
  body: { kind: "json", schema: z.strictObject({ status: verificationStatus, reason: reason.optional() }) },
  answer: { kind: "json", status: 200, schema: z.object({ publisher: publisherEntry }) },
  errors: ["NOT_FOUND"],
});

const count = z.int().min(0);
export const marketplaceStats = z.object({
  users: z.object({ total: count, disabled: count, publishers: count, admins: count }),
  listings: z.object({ total: count, byStatus: z.record(listingStatus, count) }),
  releases: z.object({ published: count, revoked: count }),
  reports: z.object({ open: count }),
  /** Of the last thirty days. */
  installs: z.object({ intents: count, redemptions: count, installed: count, failed: count }),
});
export type MarketplaceStats = z.output<typeof marketplaceStats>;

export const getMarketplaceStats = fleetPromptEndpoint({
  name: "operator.getStats",
  method: "GET",
  path: "/v1/operator/stats",
  summary: "How many accounts, listings and installs there are",
  access: operator,
  answer: { kind: "json", status: 200, schema: marketplaceStats },
  errors: [],
});
