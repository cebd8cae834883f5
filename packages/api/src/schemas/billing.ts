import { z } from "zod";
import { textSchema, timeSchema } from "./base.ts";
import { entitlementsSchema, tierSchema } from "./user.ts";

/** Plans that are paid for. */
export const paidTierSchema = tierSchema.exclude(["free"]);
export type PaidTier = z.output<typeof paidTierSchema>;

/** Statuses of a subscription, as LemonSqueezy names them. */
export const subscriptionStatusSchema = z.enum(["on_trial", "active", "past_due", "cancelled", "paused", "unpaid", "expired"]);
export type SubscriptionStatus = z.output<typeof subscriptionStatusSchema>;

/** A plan beside the others. `isSold` is false where the installation sells it to nobody. */
export const planSchema = z.object({ tier: tierSchema, entitlements: entitlementsSchema, isSold: z.boolean() });
export type Plan = z.output<typeof planSchema>;

/** What is paid for. A cancelled one keeps its plan until `endsAt`. */
export const subscriptionSchema = z.object({ tier: tierSchema, status: subscriptionStatusSchema, endsAt: timeSchema.nullable() });

/** The provider's ids are numbers or texts, depending on the place. */
const providerIdSchema = z.union([textSchema.min(1).max(255), z.int().min(0).transform(String)]);

/** The envelope of a LemonSqueezy webhook. Fields beyond these are not looked at; what `data` holds depends on the event. */
export const billingEventSchema = z.object({
  meta: z.object({
    event_name: textSchema.min(1).max(100),
    webhook_id: textSchema.min(1).max(255).optional(),
    // An empty one of a checkout comes as an empty list.
    custom_data: z.union([z.record(z.string(), z.unknown()), z.tuple([]).transform((): Record<string, unknown> => ({}))]).optional(),
  }),
  data: z.unknown(),
});

/** What an event about a subscription is about. What `attributes` holds depends on `type`. */
export const billingSubjectSchema = z.object({
  data: z.object({
    type: z.string().max(100).default("subscriptions"),
    id: providerIdSchema,
    attributes: z.record(z.string(), z.unknown()),
  }),
});

/** What is looked at of a subscription's attributes. */
export const subscriptionAttributesSchema = z.object({
  status: z.string().max(100),
  variant_id: providerIdSchema,
  customer_id: providerIdSchema.optional(),
  /** When a cancelled subscription ends; null in all other statuses. */
  ends_at: z.iso.datetime({ offset: true }).optional(),
  /** Orders what is said of one subscription. */
  updated_at: z.iso.datetime({ offset: true }),
});
