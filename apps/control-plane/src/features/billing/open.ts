import type { PaidTier } from "@whs/api";
import type { Logger } from "@whs/platform/log";
import type { SecretStore } from "@whs/platform/secrets";
import { randomBytes } from "node:crypto";
import type { BillingSettings } from "../../billing-settings.ts";
import { createLemonSqueezy } from "./lemonsqueezy.ts";
import { createLocalProvider } from "./local/provider.ts";
import { createPageLinks, type PageLinks } from "./local/page-links.ts";
import { type Billing, returnUrlOf } from "./provider.ts";

/** Variants of the test mode, where none are configured. */
const testVariants: ReadonlyMap<string, PaidTier> = new Map([
  ["1", "starter"],
  ["2", "pro"],
  ["3", "enterprise"],
]);

/** Billing, and in test mode what its page needs. */
export interface OpenedBilling extends Billing {
  pageLinks: PageLinks | undefined;
}

/** Chooses who takes the money. In test mode nobody does, and the keys of its webhooks and links are made here. */
export async function openBilling(
  settings: BillingSettings,
  options: { secrets: SecretStore; webUrl: string | undefined; now: () => Date; log: Logger },
): Promise<OpenedBilling> {
  const { lemonSqueezy, tierOfVariant, webhookKeys } = settings;
  if (lemonSqueezy !== null && tierOfVariant !== undefined && webhookKeys !== undefined) {
    const provider = createLemonSqueezy({ ...lemonSqueezy, tierOfVariant, returnUrl: returnUrlOf(options.webUrl) });
    return { provider, tierOfVariant, webhookKeys, pageLinks: undefined };
  }
  options.log.warn("Billing is in test mode: anybody may choose any plan, and nobody pays. LEMONSQUEEZY_API_KEY turns it on");
  const ensure = async (path: string): Promise<Buffer> =>
    Buffer.from(await options.secrets.ensure(path, () => randomBytes(32).toString("hex")), "utf8");
  const pageLinks = createPageLinks(await ensure("system/billing/test-mode-page-key"));
  return {
    provider: createLocalProvider({ pageLinks, now: options.now }),
    tierOfVariant: tierOfVariant ?? testVariants,
    webhookKeys: webhookKeys ?? [await ensure("system/billing/test-mode-webhook-secret")],
    pageLinks,
  };
}
