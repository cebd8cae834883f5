/** What a publisher sees and changes of its own. */
import { z } from "zod";
import { idSchema, pageOf, queryNumber, textSchema } from "../schemas/base.ts";
import {
  assetKind,
  fleetPromptEndpoint,
  httpsUrl,
  idParams,
  lineSchema,
  listingStatus,
  markdownInput,
  okAnswer,
  opaqueRef,
  pageQuery,
  reason,
  releaseParams,
  releaseStatus,
  role,
  semver,
  timeMs,
  verificationStatus,
  words,
} from "./base.ts";

const signedIn = { kind: "user", scope: null } as const;
const publisher = { kind: "user", scope: null, role: "publisher" } as const;

export const publisherProfile = z.object({
  publisherId: idSchema,
  displayName: z.string(),
  bioMarkdown: z.string(),
  verified: z.object({ status: verificationStatus, checkedAtMs: timeMs.nullable(), reason: z.string().nullable() }),
  /** Whether its owner may publish: not before the operator agrees, where the installation asks for that. */
  approved: z.boolean(),
  createdAtMs: timeMs,
  updatedAtMs: timeMs,
});
export type PublisherProfile = z.output<typeof publisherProfile>;

export const saveProfile = fleetPromptEndpoint({
  name: "publishers.saveProfile",
  method: "POST",
  path: "/v1/publisher/profile",
  summary: "Become a publisher, or change one's own profile",
  access: signedIn,
  body: {
    kind: "json",
    schema: z.strictObject({ displayName: lineSchema(80), bioMarkdown: textSchema.max(10_000).optional() }),
  },
  answer: { kind: "json", status: 201, schema: z.object({ publisher: publisherProfile }) },
  errors: ["RATE_LIMITED"],
  idempotent: true,
});

export const getOwnAccount = fleetPromptEndpoint({
  name: "account.get",
  method: "GET",
  path: "/v1/me",
  summary: "Who one is here: roles, and the publisher profile where there is one",
  access: signedIn,
  answer: {
    kind: "json",
    status: 200,
    schema: z.object({ user: z.object({ userId: idSchema, roles: z.array(role), publisher: publisherProfile.nullable() }) }),
  },
  errors: [],
});

export const previewMarkdown = fleetPromptEndpoint({
  name: "markdown.preview",
  method: "POST",
  path: "/v1/publisher/preview",
  summary: "The HTML that a text would be shown as, by the same policy; nothing is kept",
  access: signedIn,
  body: { kind: "json", schema: z.strictObject({ markdown: textSchema.max(20_000) }) },
  answer: { kind: "json", status: 200, schema: z.object({ html: z.string() }) },
  errors: ["RATE_LIMITED"],
});

const image = z.object({ url: z.string(), alt: z.string() });
export const publisherListing = z.object({
  listingId: idSchema,
  assetKind,
  status: listingStatus,
  name: z.string(),
  summary: z.string(),
  description: z.object({ format: z.literal("markdown"), markdown: z.string() }),
  tags: z.array(z.string()),
  categories: z.array(z.string()),
  images: z.array(image),
  links: z.object({ docsUrl: z.string().optional(), repoUrl: z.string().optional() }),
  moderation: z.object({ flagged: z.boolean(), reason: z.string().nullable() }),
  createdAtMs: timeMs,
  updatedAtMs: timeMs,
});
export type PublisherListing = z.output<typeof publisherListing>;

const listingFields = {
  name: lineSchema(80),
  summary: textSchema.trim().max(240),
  description: markdownInput(20_000),
  tags: words(20),
  categories: words(10),
  images: z.array(z.strictObject({ url: z.string().max(2048), alt: textSchema.trim().max(200).default("") })).max(10),
  links: z.strictObject({ docsUrl: httpsUrl.optional(), repoUrl: httpsUrl.optional() }),
};
export const listingChanges = z.strictObject(listingFields).partial();
export type ListingChanges = z.output<typeof listingChanges>;
const createListingBody = listingChanges.extend({ assetKind, name: listingFields.name });

const listingAnswer = z.object({ listing: publisherListing });

export const createListing = fleetPromptEndpoint({
  name: "listings.create",
  method: "POST",
  path: "/v1/publisher/listings",
  summary: "Create a listing as a draft",
  access: publisher,
  body: { kind: "json", schema: createListingBody },
  answer: { kind: "json", status: 201, schema: listingAnswer },
  errors: ["CONFLICT", "RATE_LIMITED"],
  idempotent: "required",
});

export const listOwnListings = fleetPromptEndpoint({
  name: "listings.listOwn",
  method: "GET",
  path: "/v1/publisher/listings",
  summary: "One's own listings, newest first",
  access: publisher,
  query: pageQuery.extend({ status: listingStatus.optional() }),
  answer: { kind: "json", status: 200, schema: pageOf(publisherListing) },
  errors: [],
});

export const getOwnListing = fleetPromptEndpoint({
  name: "listings.getOwn",
  method: "GET",
  path: "/v1/publisher/listings/{id}",
  summary: "One of one's own listings",
  access: publisher,
  params: idParams,
  answer: { kind: "json", status: 200, schema: listingAnswer },
  errors: ["NOT_FOUND"],
});

export const updateListing = fleetPromptEndpoint({
  name: "listings.update",
  method: "PATCH",
  path: "/v1/publisher/listings/{id}",
  summary: "Change what a listing says; never its status, kind or owner",
  access: publisher,
  params: idParams,
  body: { kind: "json", schema: listingChanges },
  answer: okAnswer,
  errors: ["NOT_FOUND", "CONFLICT", "RATE_LIMITED"],
  idempotent: true,
});

export const changeListingStatus = fleetPromptEndpoint({
  name: "listings.changeStatus",
  method: "POST",
  path: "/v1/publisher/listings/{id}/status",
  summary: "Publish a listing, take it off the lists, or make it a draft again",
  access: publisher,
  params: idParams,
  body: { kind: "json", schema: z.strictObject({ status: listingStatus }) },
  answer: okAnswer,
  errors: ["NOT_FOUND", "CONFLICT", "RATE_LIMITED"],
  idempotent: "required",
});

const compat = z.strictObject({
  minWHSVersion: semver.optional(),
  minAgentromaticVersion: semver.optional(),
  minAgentelicVersion: semver.optional(),
});
const refs = z.strictObject({
  whsAgentId: opaqueRef.optional(),
  whsDeploymentId: opaqueRef.optional(),
  agentromaticWorkflowId: opaqueRef.optional(),
  specAssetId: opaqueRef.optional(),
});
export type ReleaseRefs = z.output<typeof refs>;
const artifact = z.strictObject({
  kind: z.enum(["source_bundle", "build_artifact", "manifest"]),
  sha256: z.string().regex(/^[0-9a-f]{64}$/, "must be 64 lower-case hexadecimal digits"),
  sizeBytes: z.int().min(0),
  download: z.strictObject({
    mode: z.enum(["none", "fleetprompt_signed_url", "specprompt_fulfillment"]),
    hint: textSchema.trim().min(1).max(200).optional(),
  }),
});
export type ReleaseArtifact = z.output<typeof artifact>;
export const publishReleaseBody = z.strictObject({
  version: semver,
  refs,
  compat: compat.optional(),
  artifacts: z.array(artifact).max(10).optional(),
  notes: markdownInput(10_000).optional(),
});

export const publisherRelease = z.object({
  releaseId: idSchema,
  listingId: idSchema,
  version: z.string(),
  status: releaseStatus,
  compat,
  refs,
  artifacts: z.array(artifact),
  notes: z.object({ format: z.literal("markdown"), markdown: z.string(), html: z.string().optional() }),
  publishedAtMs: timeMs,
  /** Null while it is published. */
  revoked: z.object({ atMs: timeMs, reason: z.string() }).nullable(),
});
export type PublisherRelease = z.output<typeof publisherRelease>;

export const publishRelease = fleetPromptEndpoint({
  name: "releases.publish",
  method: "POST",
  path: "/v1/publisher/listings/{id}/releases",
  summary: "Publish a release, which never changes after that",
  access: publisher,
  params: idParams,
  body: { kind: "json", schema: publishReleaseBody },
  answer: { kind: "json", status: 201, schema: z.object({ release: publisherRelease }) },
  errors: ["NOT_FOUND", "CONFLICT", "UNSUPPORTED", "RATE_LIMITED"],
  idempotent: "required",
});

export const listOwnReleases = fleetPromptEndpoint({
  name: "releases.listOwn",
  method: "GET",
  path: "/v1/publisher/listings/{id}/releases",
  summary: "All releases of one's own listing, revoked ones included, newest first",
  access: publisher,
  params: idParams,
  query: pageQuery,
  answer: { kind: "json", status: 200, schema: pageOf(publisherRelease) },
  errors: ["NOT_FOUND"],
});

export const revokeRelease = fleetPromptEndpoint({
  name: "releases.revoke",
  method: "POST",
  path: "/v1/publisher/releases/{releaseId}/revoke",
  summary: "Withdraw a release for good: nobody sees or installs it any more",
  access: publisher,
  params: releaseParams,
  body: { kind: "json", schema: z.strictObject({ reason }) },
  answer: okAnswer,
  errors: ["NOT_FOUND", "CONFLICT", "RATE_LIMITED"],
  idempotent: "required",
});

export const getListingStats = fleetPromptEndpoint({
  name: "listings.getStats",
  method: "GET",
  path: "/v1/publisher/listings/{id}/stats",
  summary: "Views, install intents and redemptions of a listing by day (UTC), the latest last",
  access: publisher,
  params: idParams,
  query: z.strictObject({
    days: queryNumber(z.number("must be a whole number from 1 to 396").int().min(1).max(396), 30).describe(
      "How many days, today included; 30 if absent",
    ),
  }),
  answer: {
    kind: "json",
    status: 200,
    schema: z.object({
      days: z.array(z.object({ date: z.iso.date(), views: z.int().min(0), installIntents: z.int().min(0), redemptions: z.int().min(0) })),
    }),
  },
  errors: ["NOT_FOUND"],
});

/** Bytes of an image as it is sent. */
export const maxImageBytes = 2 * 1024 * 1024;

export const uploadImage = fleetPromptEndpoint({
  name: "images.upload",
  method: "POST",
  path: "/v1/publisher/images",
  summary: "Store a picture for listings: PNG, JPEG, WebP or GIF by its content, encoded anew without metadata",
  access: publisher,
  body: {
    kind: "raw",
    contentTypes: ["image/png", "image/jpeg", "image/webp", "image/gif"],
    maxBytes: maxImageBytes,
    schema: z.string().describe("The picture's bytes"),
  },
  answer: { kind: "json", status: 201, schema: z.object({ image: z.object({ url: z.string(), sha256: z.string() }) }) },
  errors: ["TOO_LARGE", "UNSUPPORTED", "CONFLICT", "RATE_LIMITED"],
});
