import { z } from "zod";
import { endpoint } from "../endpoint.ts";
import { billingEventSchema, paidTierSchema, planSchema, subscriptionSchema } from "../schemas/billing.ts";

export const listPlans = endpoint({
  name: "billing.listPlans",
  method: "GET",
  path: "/v1/billing/plans",
  summary: "Every plan and what it allows, and the subscription that runs",
  description: "`subscription` is null where nothing is paid for. In test mode nobody pays for any plan.",
  access: { kind: "user", scope: null },
  answer: {
    kind: "json",
    status: 200,
    schema: z.object({ plans: z.array(planSchema), subscription: subscriptionSchema.nullable(), isTestMode: z.boolean() }),
  },
  errors: [],
});

export const createCheckout = endpoint({
  name: "billing.createCheckout",
  method: "POST",
  path: "/v1/billing/checkout",
  summary: "Where to pay for a plan; the plan changes when the billing provider confirms the payment",
  description: "With a subscription that is still running, the address is where that subscription is moved to the other plan.",
  access: { kind: "user", scope: "billing:write" },
  body: { kind: "json", schema: z.strictObject({ tier: paidTierSchema }) },
  answer: { kind: "json", status: 200, schema: z.object({ checkoutUrl: z.url() }) },
  errors: ["CONFLICT"],
  idempotent: true,
});

export const createPortalLink = endpoint({
  name: "billing.createPortalLink",
  method: "POST",
  path: "/v1/billing/portal",
  summary: "Where to see invoices, change the card, and cancel or resume the subscription",
  access: { kind: "user", scope: "billing:write" },
  answer: { kind: "json", status: 200, schema: z.object({ portalUrl: z.url() }) },
  errors: ["CONFLICT"],
});

export const receiveBillingEvent = endpoint({
  name: "billing.receiveEvent",
  method: "POST",
  path: "/v1/billing/webhook",
  summary: "What the billing provider says of a subscription; only the provider can sign it",
  description:
    "`X-Signature` is the hexadecimal HMAC-SHA256 of the raw body. An event counts once, by `meta.webhook_id` or else the SHA-256 of " +
    "the body, and in whatever order events arrive, the latest `attributes.updated_at` of a subscription is what holds. Unknown events are ignored.",
  access: { kind: "signature", headers: ["X-Signature", "X-Event-Name"] },
  body: { kind: "raw", contentTypes: ["application/json"], maxBytes: 256 * 1024, schema: billingEventSchema },
  answer: { kind: "json", status: 200, schema: z.object({ ok: z.literal(true) }) },
  errors: [],
});
