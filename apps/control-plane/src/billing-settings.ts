import type { PaidTier } from "@whs/api";
import { paidTierSchema } from "@whs/api";
import { ConfigurationError } from "@whs/platform/config";
import { HmacKeyError, parseHmacKey } from "@whs/platform/signatures";
import { z } from "zod";

export interface BillingSettings {
  /** Where money moves; without it billing is in test mode. */
  lemonSqueezy: { apiKey: string; storeId: string } | null;
  /** What each variant of the provider's products is; undefined leaves it to the test mode. */
  tierOfVariant: ReadonlyMap<string, PaidTier> | undefined;
  /** Keys of the webhook's signature, the current one first; undefined leaves it to the test mode. */
  webhookKeys: readonly Buffer[] | undefined;
}

const webhookSecret = z
  .string()
  .transform((text, context) => {
    try {
      return parseHmacKey(text);
    } catch (error) {
      if (!(error instanceof HmacKeyError)) throw error;
      context.addIssue({ code: "custom", message: error.message });
      return z.NEVER;
    }
  })
  .optional();

const variants = z
  .string()
  .transform((text, context) => {
    const entries = text.split(",").map((entry) => entry.trim().split("="));
    const tierOfVariant = new Map<string, PaidTier>();
    for (const [name, variantId, ...rest] of entries) {
      const tier = paidTierSchema.safeParse(name);
      if (tier.success && variantId !== undefined && /^[1-9]\d{0,14}$/.test(variantId) && rest.length === 0)
        tierOfVariant.set(variantId, tier.data);
    }
    if (tierOfVariant.size === entries.length && new Set(tierOfVariant.values()).size === entries.length) return tierOfVariant;
    context.addIssue({ code: "custom", message: "must name the variant of each plan once" });
    return z.NEVER;
  })
  .describe('such as "starter=101,pro=102,enterprise=103", with ids of LemonSqueezy variants')
  .optional();

/** The variables of billing, for the configuration's schema. */
export const billingEnvironment = {
  LEMONSQUEEZY_API_KEY: z.string().min(1).optional(),
  LEMONSQUEEZY_STORE_ID: z
    .string()
    .regex(/^[1-9]\d{0,14}$/, "must be the number of the store")
    .optional(),
  LEMONSQUEEZY_VARIANTS: variants,
  LEMONSQUEEZY_WEBHOOK_SECRET: webhookSecret,
  LEMONSQUEEZY_WEBHOOK_SECRET_PREVIOUS: webhookSecret,
};

const schema = z.object(billingEnvironment);

/** @throws ConfigurationError when variables are set that need others. */
export function readBillingSettings(read: z.output<typeof schema>): BillingSettings {
  const { LEMONSQUEEZY_API_KEY: apiKey, LEMONSQUEEZY_STORE_ID: storeId } = read;
  const { LEMONSQUEEZY_WEBHOOK_SECRET: current, LEMONSQUEEZY_WEBHOOK_SECRET_PREVIOUS: previous } = read;
  if (previous !== undefined && current === undefined) throw missing("LEMONSQUEEZY_WEBHOOK_SECRET", "LEMONSQUEEZY_WEBHOOK_SECRET_PREVIOUS");
  const webhookKeys = current === undefined ? undefined : [current, ...(previous === undefined ? [] : [previous])];
  const shared = { tierOfVariant: read.LEMONSQUEEZY_VARIANTS, webhookKeys };
  if (apiKey === undefined) return { lemonSqueezy: null, ...shared };
  if (storeId === undefined) throw missing("LEMONSQUEEZY_STORE_ID", "LEMONSQUEEZY_API_KEY");
  if (shared.tierOfVariant === undefined) throw missing("LEMONSQUEEZY_VARIANTS", "LEMONSQUEEZY_API_KEY");
  if (webhookKeys === undefined) throw missing("LEMONSQUEEZY_WEBHOOK_SECRET", "LEMONSQUEEZY_API_KEY");
  return { lemonSqueezy: { apiKey, storeId }, ...shared };
}

function missing(name: string, because: string): ConfigurationError {
  return new ConfigurationError(`Cannot start:\n  ${name} is missing (it belongs to ${because})`);
}
