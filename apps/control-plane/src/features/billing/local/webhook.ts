import type { PaidTier, SubscriptionStatus } from "@whs/api";
import { createHmac, randomUUID } from "node:crypto";

/** A subscription as the test mode tells of it. */
export interface ToldSubscription {
  userId: string;
  providerId: string;
  tier: PaidTier;
  variantId: string;
  status: SubscriptionStatus;
  endsAt: Date | null;
  updatedAt: Date;
}

/** Sends webhooks as the real provider does: same shape, same headers, same signature, over HTTP. */
export interface WebhookSender {
  /** @throws Error when the webhook was not accepted */
  sendSubscription(eventName: string, subscription: ToldSubscription): Promise<void>;
  sendFailedPayment(subscription: ToldSubscription): Promise<void>;
}

const timeoutMs = 10_000;
const storeId = 1;
const customerId = 1;

export function createWebhookSender(options: { webhookUrl: () => string; key: Buffer }): WebhookSender {
  const send = async (eventName: string, userId: string, data: object): Promise<void> => {
    const body = JSON.stringify({
      meta: { test_mode: true, event_name: eventName, webhook_id: randomUUID(), custom_data: { user_id: userId } },
      data,
    });
    const response = await fetch(options.webhookUrl(), {
      method: "POST",
      headers: {
        "content-type": "application/json",
        "x-event-name": eventName,
        "x-signature": createHmac("sha256", options.key).update(body).digest("hex"),
      },
      body,
      signal: AbortSignal.timeout(timeoutMs),
    });
    if (!response.ok) throw new Error(`The webhook ${eventName} was answered with ${response.status}`);
    await response.arrayBuffer();
  };
  return {
    sendSubscription: (eventName, subscription) => send(eventName, subscription.userId, subscriptionObject(subscription)),
    sendFailedPayment: (subscription) => send("subscription_payment_failed", subscription.userId, failedInvoice(subscription)),
  };
}

function subscriptionObject({ providerId, variantId, tier, status, endsAt, updatedAt }: ToldSubscription): object {
  return {
    type: "subscriptions",
    id: providerId,
    attributes: {
      store_id: storeId,
      customer_id: customerId,
      variant_id: Number(variantId),
      product_name: "Plan",
      variant_name: tier,
      status,
      cancelled: status === "cancelled",
      pause: null,
      trial_ends_at: null,
      ends_at: endsAt?.toISOString() ?? null,
      updated_at: updatedAt.toISOString(),
      test_mode: true,
    },
  };
}

function failedInvoice({ providerId, updatedAt }: ToldSubscription): object {
  return {
    type: "subscription-invoices",
    id: String(updatedAt.getTime()),
    attributes: {
      store_id: storeId,
      customer_id: customerId,
      subscription_id: Number(providerId),
      billing_reason: "renewal",
      status: "pending",
      updated_at: updatedAt.toISOString(),
      test_mode: true,
    },
  };
}
