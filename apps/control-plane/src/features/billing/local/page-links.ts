import { paidTierSchema } from "@whs/api";
import { createHmac, timingSafeEqual } from "node:crypto";
import { z } from "zod";

const purposeSchema = z.strictObject({
  userId: z.string(),
  /** The plan that is chosen beforehand. */
  tier: paidTierSchema.nullable(),
  /** Epoch milliseconds. */
  expiresAt: z.int(),
});

/** What a link to the test-mode page is good for. */
export type PagePurpose = z.output<typeof purposeSchema>;

export interface PageLinks {
  /** @returns the path of a page for one user, until it expires */
  sign(purpose: PagePurpose): string;
  /** @returns what the link's token is good for, or undefined when it is forged or has expired */
  verify(token: string, now: Date): PagePurpose | undefined;
}

export const pagePath = "/billing/test-mode";

/** Links that need no cookie: whoever holds one may do what the page offers, for its user, and nothing else. */
export function createPageLinks(key: Buffer): PageLinks {
  const mac = (payload: string): string => createHmac("sha256", key).update(`${pagePath} ${payload}`).digest("base64url");
  return {
    sign(purpose) {
      const payload = Buffer.from(JSON.stringify(purpose)).toString("base64url");
      return `${pagePath}/${payload}.${mac(payload)}`;
    },
    verify(token, now) {
      const [, payload, signature] = /^([A-Za-z0-9_-]{1,1024})\.([A-Za-z0-9_-]{43})$/.exec(token) ?? [];
      if (payload === undefined || signature === undefined) return undefined;
      if (!timingSafeEqual(Buffer.from(mac(payload)), Buffer.from(signature))) return undefined;
      const purpose = purposeSchema.parse(JSON.parse(Buffer.from(payload, "base64url").toString("utf8")));
      return purpose.expiresAt > now.getTime() ? purpose : undefined;
    },
  };
}
