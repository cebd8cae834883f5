import { z } from "zod";

export const introspectBody = z.strictObject({ token: z.string().min(1).max(8192) });

/** What another server learns of a bearer's token, as in RFC 7662. */
export const introspectionSchema = z.object({
  active: z.boolean(),
  user: z
    .object({
      /** The subject at the identity issuer. */
      externalId: z.string(),
      email: z.string().nullable(),
      name: z.string().nullable(),
    })
    .optional()
    .describe("Whom an active token stands for"),
  scopes: z.array(z.string()).optional(),
});
export type Introspection = z.output<typeof introspectionSchema>;
