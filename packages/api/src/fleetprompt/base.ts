import { z } from "zod";
import type { Endpoint } from "../endpoint.ts";
import { idSchema, queryNumber, textSchema } from "../schemas/base.ts";
import type { FleetPromptErrorCode } from "./errors.ts";

/** An endpoint of FleetPrompt: the same value with FleetPrompt's codes. */
export function fleetPromptEndpoint<const E extends Endpoint & { errors: readonly FleetPromptErrorCode[] }>(definition: E): E {
  return definition;
}

/** Epoch milliseconds. */
export const timeMs = z.int().min(0);

export const listingStatus = z.enum(["draft", "published", "unlisted", "suspended"]);
export type ListingStatus = z.output<typeof listingStatus>;
export const assetKind = z.enum(["whs_agent", "agentromatic_workflow", "spec_asset"]);
export type AssetKind = z.output<typeof assetKind>;
export const releaseStatus = z.enum(["published", "revoked"]);
export type ReleaseStatus = z.output<typeof releaseStatus>;
export const targetSystem = z.enum(["whs", "agentromatic", "agentelic"]);
export type TargetSystem = z.output<typeof targetSystem>;
export const intentStatus = z.enum(["created", "token_issued", "redeemed", "expired", "canceled"]);
export type IntentStatus = z.output<typeof intentStatus>;
export const verificationStatus = z.enum(["unverified", "verified", "failed"]);
export type VerificationStatus = z.output<typeof verificationStatus>;
export const role = z.enum(["user", "publisher", "admin"]);
export type Role = z.output<typeof role>;

export const pageQuery = z.strictObject({
  limit: queryNumber(z.number("must be a whole number from 1 to 200").int().min(1).max(200), 50).describe(
    "How many items at the most; 50 if absent",
  ),
  cursor: z.string().min(1).max(2048).optional().describe("`nextCursor` of the page before"),
});

/** Text of one line. */
export const lineSchema = (max: number) =>
  textSchema
    .trim()
    .min(1)
    .max(max)
    .regex(/^\P{Cc}*$/u, "must not contain control characters");

const maxUrlLength = 2048;

/** An `https:` address without credentials. */
export const httpsUrl = z
  .string()
  .max(maxUrlLength)
  .refine((text) => {
    const url = URL.parse(text);
    const bare = url !== null && url.protocol === "https:" && url.username === "" && url.password === "";
    return bare && /^[^\p{C}\p{Z}]+$/u.test(text);
  }, "must be an https:// URL without credentials, spaces and control characters");

/** What another system calls a thing: kept as it is and never parsed. */
export const opaqueRef = z.string().regex(/^[^\p{C}\p{Z}]{1,200}$/u, "must be 1 to 200 visible characters");

/** SemVer 2.0, as its own specification writes the pattern; longer ones than 256 characters no comparison takes. */
export const semver = z
  .string()
  .max(256)
  .regex(
    /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-((?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*))?(?:\+([0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*))?$/,
    "must be a version by SemVer 2.0, such as 1.2.0",
  );

export const reason = textSchema
  .trim()
  .min(1)
  .max(1000)
  .regex(/^(?:\P{Cc}|[\t\n\r])*$/u, "must not contain control characters");
export const markdownInput = (max: number) =>
  z.strictObject({ format: z.literal("markdown").default("markdown"), markdown: textSchema.max(max) });

/** At the most so many words of 32 characters; a word that comes twice counts once. */
export const words = (max: number) =>
  z
    .array(lineSchema(32))
    .max(max)
    .transform((items) => [...new Set(items)]);

export const idParams = z.strictObject({ id: idSchema });
export const listingParams = z.strictObject({ listingId: idSchema });
export const releaseParams = z.strictObject({ releaseId: idSchema });
export const okAnswer = { kind: "json", status: 200, schema: z.object({ ok: z.literal(true) }) } as const;
