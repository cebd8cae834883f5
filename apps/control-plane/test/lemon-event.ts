import type { PaidTier } from "@whs/api";
import { createHmac, randomUUID } from "node:crypto";
import type { Answer, TestControlPlane } from "./harness.ts";

export const webhookSecret = "current-secret-of-the-webhook-0001";
export const previousSecret = "previous-secret-of-the-webhook-001";
export const variants: Readonly<Record<PaidTier, number>> = { starter: 101, pro: 102, enterprise: 103 };
export const lemonEnvironment = {
  LEMONSQUEEZY_API_KEY: "test-key",
  LEMONSQUEEZY_STORE_ID: "7",
  LEMONSQUEEZY_VARIANTS: "starter=101,pro=102,enterprise=103",
  LEMONSQUEEZY_WEBHOOK_SECRET: webhookSecret,
  LEMONSQUEEZY_WEBHOOK_SECRET_PREVIOUS: previousSecret,
};

export interface LemonEvent {
  userId?: string | undefined;
  name?: string;
  webhookId?: string;
  subscriptionId?: string;
  tier?: PaidTier;
  variantId?: number | string;
  status?: string;
  endsAt?: string | null;
  /** Seconds after a fixed time. */
  at?: number;
  type?: string;
}

export const timeAt = (seconds: number): string => new Date(Date.UTC(2026, 0, 1) + seconds * 1000).toISOString().replace("Z", "000Z");

/** The JSON text of an event, as LemonSqueezy sends it. */
export function eventText(event: LemonEvent): string {
  return JSON.stringify({
    meta: {
      test_mode: false,
      event_name: event.name ?? "subscription_updated",
      ...(event.webhookId === undefined ? {} : { webhook_id: event.webhookId }),
      ...(event.userId === undefined ? {} : { custom_data: { user_id: event.userId } }),
    },
    data: {
      type: event.type ?? "subscriptions",
      id: event.subscriptionId ?? "1",
      attributes: {
        store_id: 7,
        customer_id: 5,
        order_id: 1,
        product_id: 9,
        variant_id: event.variantId ?? variants[event.tier ?? "pro"],
        user_email: "buyer@example.com",
        status: event.status ?? "active",
        cancelled: event.status === "cancelled",
        trial_ends_at: null,
        renews_at: timeAt(2_592_000),
        ends_at: event.endsAt ?? null,
        created_at: timeAt(0),
        updated_at: timeAt(event.at ?? 0),
        test_mode: false,
      },
      relationships: {},
      links: { self: "https://api.lemonsqueezy.com/v1/subscriptions/1" },
    },
  });
}

export function signText(text: string, secret = webhookSecret): string {
  return createHmac("sha256", secret).update(text).digest("hex");
}

/** Sends an event's very text; further headers win. */
export function sendText(
  plane: TestControlPlane,
  text: string,
  headers: Record<string, string> = {},
): Promise<Answer<{ ok?: boolean; error?: { code: string } }>> {
  return plane.as(undefined)("POST", "/v1/billing/webhook", text, {
    "content-type": "application/json",
    "x-signature": signText(text),
    ...headers,
  });
}

/** Sends an event of its own identity. */
export function sendEvent(plane: TestControlPlane, event: LemonEvent) {
  const name = event.name ?? "subscription_updated";
  return sendText(plane, eventText({ webhookId: randomUUID(), ...event }), { "x-event-name": name });
}
