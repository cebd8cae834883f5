/** What anybody may read. These shapes are of their own: none is shared with publishers, buyers or servers. */
import { z } from "zod";
import { pageOf, textSchema, idSchema } from "../schemas/base.ts";
import {
  assetKind,
  fleetPromptEndpoint,
  idParams,
  listingParams,
  pageQuery,
  releaseParams,
  releaseStatus,
  semver,
  targetSystem,
  timeMs,
  verificationStatus,
} from "./base.ts";

const anyone = { kind: "public" } as const;
const cacheSeconds = 15;

const rendered = z.object({ format: z.literal("markdown"), markdown: z.string(), html: z.string() });
const badge = z.object({ status: verificationStatus, checkedAtMs: timeMs.nullable(), reason: z.string().nullable() });

export const publicListing = z.object({
  listingId: idSchema,
  assetKind,
  status: z.literal("published"),
  name: z.string(),
  summary: z.string(),
  tags: z.array(z.string()),
  categories: z.array(z.string()),
  publisher: z.object({ publisherId: idSchema, displayName: z.string(), verified: badge }),
  images: z.array(z.object({ url: z.string(), alt: z.string() })),
  links: z.object({ docsUrl: z.string().optional(), repoUrl: z.string().optional() }),
  stats: z.object({ installAttempts30d: z.int().min(0), downloads30d: z.int().min(0) }),
  createdAtMs: timeMs,
  updatedAtMs: timeMs,
});
export type PublicListing = z.output<typeof publicListing>;

const releaseSummary = z.object({ releaseId: idSchema, version: z.string(), status: releaseStatus, publishedAtMs: timeMs });

export const publicRelease = z.object({
  releaseId: idSchema,
  listingId: idSchema,
  version: z.string(),
  status: z.literal("published"),
  compat: z.object({
    minWHSVersion: z.string().optional(),
    minAgentromaticVersion: z.string().optional(),
    minAgentelicVersion: z.string().optional(),
  }),
  refs: z.object({
    whsAgentId: z.string().optional(),
    whsDeploymentId: z.string().optional(),
    agentromaticWorkflowId: z.string().optional(),
    specAssetId: z.string().optional(),
  }),
  artifacts: z.array(
    z.object({
      kind: z.enum(["source_bundle", "build_artifact", "manifest"]),
      sha256: z.string(),
      sizeBytes: z.int().min(0),
      download: z.object({ mode: z.literal("none"), hint: z.string().optional() }),
    }),
  ),
  notes: rendered,
  publishedAtMs: timeMs,
});
export type PublicRelease = z.output<typeof publicRelease>;

export const searchSort = z.enum(["relevance", "updated", "installs", "name"]);
export type SearchSort = z.output<typeof searchSort>;

const list = (max: number) =>
  textSchema
    .max(max * 33)
    .transform((text) => text.split(",").map((item) => item.trim()))
    .transform((items) => [...new Set(items.filter((item) => item !== ""))])
    .pipe(z.array(z.string().max(32)).max(max));

const facet = z.array(z.object({ value: z.string(), count: z.int().min(0) }));

export const searchListings = fleetPromptEndpoint({
  name: "listings.search",
  method: "GET",
  path: "/v1/public/listings/search",
  summary: "Find published listings by words, tags, categories and kind",
  description:
    "Every word must begin a word of the listing; where nothing does, words that differ in a letter or two count as well. `facets` " +
    "count the listings that were found by tag, category and kind, with the first page only; a count of 10,000 means that many or more.",
  access: anyone,
  query: pageQuery.extend({
    q: textSchema.max(200).optional().describe("Words to look for"),
    tags: list(20).optional().describe("Comma-separated; a listing must have all of them"),
    categories: list(10).optional().describe("Comma-separated; a listing must have all of them"),
    assetKind: assetKind.optional(),
    sort: searchSort.optional().describe("Default: `relevance` with words, else `updated`"),
  }),
  answer: {
    kind: "json",
    status: 200,
    schema: pageOf(publicListing).extend({
      facets: z.object({ tags: facet, categories: facet, assetKinds: facet }).optional(),
    }),
    headers: ["ETag"],
  },
  errors: ["RATE_LIMITED"],
  cacheSeconds,
});

export const getPublicListing = fleetPromptEndpoint({
  name: "listings.getPublic",
  method: "GET",
  path: "/v1/public/listings/{listingId}",
  summary: "A published listing with its description and releases",
  access: anyone,
  params: listingParams,
  answer: {
    kind: "json",
    status: 200,
    schema: z.object({
      listingDetail: z.object({
        listing: publicListing,
        description: rendered,
        latestRelease: z.object({ releaseId: idSchema, version: z.string(), publishedAtMs: timeMs }).nullable(),
        releases: pageOf(releaseSummary),
      }),
    }),
  },
  errors: ["NOT_FOUND", "RATE_LIMITED"],
  cacheSeconds,
});

export const listPublicReleases = fleetPromptEndpoint({
  name: "releases.listPublic",
  method: "GET",
  path: "/v1/public/listings/{listingId}/releases",
  summary: "Releases of a published listing, newest first, without revoked ones",
  access: anyone,
  params: listingParams,
  query: pageQuery,
  answer: { kind: "json", status: 200, schema: pageOf(releaseSummary) },
  errors: ["NOT_FOUND", "RATE_LIMITED"],
  cacheSeconds,
});

export const getPublicRelease = fleetPromptEndpoint({
  name: "releases.getPublic",
  method: "GET",
  path: "/v1/public/releases/{releaseId}",
  summary: "A release of a published listing",
  access: anyone,
  params: releaseParams,
  answer: { kind: "json", status: 200, schema: z.object({ release: publicRelease }) },
  errors: ["NOT_FOUND", "RATE_LIMITED"],
  cacheSeconds,
});

export const getPublicPublisher = fleetPromptEndpoint({
  name: "publishers.getPublic",
  method: "GET",
  path: "/v1/public/publishers/{publisherId}",
  summary: "A publisher and its published listings",
  access: anyone,
  params: z.strictObject({ publisherId: idSchema }),
  query: pageQuery,
  answer: {
    kind: "json",
    status: 200,
    schema: z.object({
      publisher: z.object({ publisherId: idSchema, displayName: z.string(), verified: badge, bio: rendered }),
      listings: pageOf(publicListing),
    }),
  },
  errors: ["NOT_FOUND", "RATE_LIMITED"],
  cacheSeconds,
});

export const getInstallPlan = fleetPromptEndpoint({
  name: "listings.getInstallPlan",
  method: "GET",
  path: "/v1/public/listings/{id}/install-plan",
  summary: "The newest release that fits a stack, and why each newer one does not",
  description:
    "Newest is the highest by SemVer. A pre-release is chosen only where no release fits. A release without a minimum for the target " +
    "system fits every version of it. `capabilities` is for releases that name what they need, which none does in this version.",
  access: anyone,
  params: idParams,
  query: z.strictObject({
    targetSystem,
    whsVersion: semver.optional(),
    agentromaticVersion: semver.optional(),
    agentelicVersion: semver.optional(),
    capabilities: textSchema.max(2000).optional().describe("Comma-separated names of what the stack can do"),
  }),
  answer: {
    kind: "json",
    status: 200,
    schema: z.object({
      chosen: z.object({ releaseId: idSchema, version: z.string() }).nullable(),
      rejected: z.array(z.object({ releaseId: idSchema, version: z.string(), reasons: z.array(z.string()) })),
    }),
  },
  errors: ["NOT_FOUND", "RATE_LIMITED"],
  cacheSeconds,
});
