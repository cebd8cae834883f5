import {
  billingEventSchema,
  billingSubjectSchema,
  type SubscriptionStatus,
  subscriptionAttributesSchema,
  subscriptionStatusSchema,
  type Tier,
} from "@whs/api";
import { invalidRequest } from "@whs/platform/errors";
import { parseInput } from "@whs/platform/http";
import { createHash } from "node:crypto";
import { lesserStatus, type SubscriptionState } from "./state.ts";

/** What a provider's webhook said, in our terms. */
export interface BillingEvent {
  /** The provider's id of it, or the SHA-256 of its bytes: the same for each delivery. */
  id: string;
  name: string;
  /** Who the checkout was made for. */
  userId: string | undefined;
  /** Nothing for events that change no subscription. */
  subscription: { providerId: string; customerId: string | undefined; state: SubscriptionState } | undefined;
}

/**
 * Events that tell of a subscription. Some leave no doubt about its status, whatever else they hold: the provider can
 * send them by hand, with the subscription as it is.
 */
const subscriptionEvents: ReadonlyMap<string, SubscriptionStatus | undefined> = new Map([
  ["subscription_created", undefined],
  ["subscription_updated", undefined],
  ["subscription_plan_changed", undefined],
  ["subscription_resumed", undefined],
  ["subscription_unpaused", undefined],
  ["subscription_payment_success", undefined],
  ["subscription_payment_recovered", undefined],
  ["subscription_payment_failed", "past_due"],
  ["subscription_cancelled", "cancelled"],
  ["subscription_paused", "paused"],
  ["subscription_expired", "expired"],
]);

const utf8 = new TextDecoder("utf-8", { fatal: true });

/**
 * Reads an event whose signature was right.
 * @param headerName what `X-Event-Name` says, which must not contradict the body
 * @param tierOfVariant a variant that is none of the plans pays for none
 * @throws AppError `INVALID_REQUEST`
 */
export function parseEvent(rawBody: Buffer, headerName: string | undefined, tierOfVariant: ReadonlyMap<string, Tier>): BillingEvent {
  const { meta, data } = parseInput(billingEventSchema, parseJson(rawBody));
  if (headerName !== undefined && headerName !== meta.event_name)
    throw invalidRequest([{ fieldName: "X-Event-Name", message: "is not the event's name" }]);
  const userId = meta.custom_data?.["user_id"];
  return {
    id: meta.webhook_id ?? createHash("sha256").update(rawBody).digest("hex"),
    name: meta.event_name,
    userId: typeof userId === "string" ? userId : undefined,
    subscription: subscriptionOf(meta.event_name, data, tierOfVariant),
  };
}

function subscriptionOf(name: string, said: unknown, tierOfVariant: ReadonlyMap<string, Tier>): BillingEvent["subscription"] {
  // Events about payments tell of an invoice; what it means for the subscription comes as an event of its own.
  if (!subscriptionEvents.has(name)) return undefined;
  const { data } = parseInput(billingSubjectSchema, { data: said });
  if (data.type !== "subscriptions") return undefined;
  const attributes = parseInput(subscriptionAttributesSchema, data.attributes);
  const status = subscriptionStatusSchema.safeParse(attributes.status);
  if (!status.success) return undefined;
  const implied = subscriptionEvents.get(name);
  return {
    providerId: data.id,
    customerId: attributes.customer_id,
    state: {
      tier: tierOfVariant.get(attributes.variant_id) ?? "free",
      status: implied === undefined ? status.data : lesserStatus(status.data, implied),
      endsAt: attributes.ends_at === undefined ? null : new Date(attributes.ends_at),
      updatedAt: new Date(attributes.updated_at),
    },
  };
}

function parseJson(rawBody: Buffer): unknown {
  try {
    return JSON.parse(utf8.decode(rawBody));
  } catch (cause) {
    throw invalidRequest([{ fieldName: "", message: "body is not valid JSON" }], { cause });
  }
}
