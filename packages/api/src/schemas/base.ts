import { z } from "zod";

/** Text that is stored or looked up: PostgreSQL holds neither NUL nor half of a surrogate pair. */
export const textSchema = z
  .string()
  .refine((text) => text.isWellFormed() && !text.includes("\0"), "must not contain NUL or half of a surrogate pair");

/** An opaque id: a prefix and 26 base32 characters. Any other text of this length is simply not found. */
export const idSchema = textSchema.min(1).max(256);

/** RFC 3339 in UTC. */
export const timeSchema = z.iso.datetime({ offset: true });

/** Years that RFC 3339 can write, whatever the offset was that the time came with. */
const writableTimes = { first: Date.parse("0000-01-01T00:00:00Z"), last: Date.parse("9999-12-31T23:59:59.999Z") } as const;
export const isWritableTime = (timeMs: number): boolean => timeMs >= writableTimes.first && timeMs <= writableTimes.last;

/** A time that a caller sends: its offset may take it out of the years that can be answered. */
export const sentTimeSchema = timeSchema.refine(
  (text) => Number.isNaN(Date.parse(text)) || isWritableTime(Date.parse(text)),
  "must be within the years 0000 to 9999 in UTC",
);

/** A number in a query string: digits alone, where `Number` would also read "1e1", "0x10" and " 5". */
export const queryNumber = (schema: z.ZodNumber, absent: number) =>
  z.preprocess((value) => (typeof value === "string" && /^[0-9]{1,15}$/.test(value) ? Number(value) : value), schema).default(absent);

export const traceIdSchema = z.string().regex(/^[A-Za-z0-9_.:-]{8,128}$/, "must be 8 to 128 of A-Z, a-z, 0-9, _ . : -");

export const runtimeProviderSchema = z.enum(["cloudflare", "agentcore"]);
export type RuntimeProviderName = z.output<typeof runtimeProviderSchema>;

export const pageQuerySchema = z.strictObject({
  limit: queryNumber(z.number("must be a whole number from 1 to 100").int().min(1).max(100), 25).describe(
    "How many items at the most; 25 if absent",
  ),
  cursor: z.string().min(1).max(1024).optional().describe("`nextCursor` of the page before"),
});

/** A page of a list: newest first, `nextCursor` null at the end. */
export function pageOf<S extends z.ZodType>(item: S) {
  return z.object({ items: z.array(item), nextCursor: z.string().nullable() });
}

export const idParams = z.strictObject({ id: idSchema });
