import type { BillingProvider } from "../provider.ts";
import type { PageLinks } from "./page-links.ts";

/** As long as an idempotent answer is kept, so that a repeated one still leads somewhere. */
const linkLifeMs = 24 * 3_600_000;

/** Test mode: a page of this service in place of a shop. It costs nothing and asks for nothing. */
export function createLocalProvider(options: { pageLinks: PageLinks; now: () => Date }): BillingProvider {
  const link = (purpose: { userId: string; tier: "starter" | "pro" | "enterprise" | null }, origin: string): string =>
    origin + options.pageLinks.sign({ ...purpose, expiresAt: options.now().getTime() + linkLifeMs });
  return {
    name: "local",
    createCheckout: async ({ user, tier, origin }) => link({ userId: user.id, tier }, origin),
    createPortalLink: async ({ userId, origin }) => link({ userId, tier: null }, origin),
  };
}
