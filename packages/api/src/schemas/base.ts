import { z } from "zod";

/** Text that is stored or looked up: PostgreSQL holds neither NUL nor half of a surrogate pair. */
export const textSchema = z
  .string()
  .refine((text) => text.isWellFormed() && !text.includes("\0"), "must not contain NUL or half of a surrogate pair");

/** An opaque id: a prefix and 26 base32 characters. Any other text of this length is simply not found. */
export const idSchema = textSchema.min(1).max(256);

/** RFC 3339 in UTC. */
export const timeSchema = z.iso.datetime({ offset: true });

export const traceIdSchema = z.string().regex(/^[A-Za-z0-9_.:-]{8,128}$/, "must be 8 to 128 of A-Z, a-z, 0-9, _ . : -");

export const runtimeProviderSchema = z.enum(["cloudflare", "agentcore"]);
export type RuntimeProviderName = z.output<typeof runtimeProviderSchema>;

export const pageQuerySchema = z.strictObject({
  limit: z.coerce.number("must be a whole number from 1 to 100").int().min(1).max(100).default(25).describe("How many items at the most"),
  cursor: z.string().min(1).max(1024).optional().describe("`nextCursor` of the page before"),
});

/** A page of a list: newest first, `nextCursor` null at the end. */
export function pageOf<S extends z.ZodType>(item: S) {
  return z.object({ items: z.array(item), nextCursor: z.string().nullable() });
}

export const idParams = z.strictObject({ id: idSchema });
