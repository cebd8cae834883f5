import type { PaidTier } from "@whs/api";

export interface CheckoutRequest {
  user: { id: string; email: string | null; name: string | null };
  tier: PaidTier;
  /** The provider's id of a subscription that runs already: it is moved to the plan rather than a second one sold. */
  runningSubscriptionId: string | undefined;
  /** Where this service is reached by the caller. */
  origin: string;
}

export interface PortalRequest {
  userId: string;
  /** The provider's id of the user as a customer. */
  customerId: string | null;
  origin: string;
}

/** Who takes the money. What it does to a plan comes back as signed webhooks alone. */
export interface BillingProvider {
  readonly name: "lemonsqueezy" | "local";
  /** @returns the address where the user pays. @throws AppError */
  createCheckout(request: CheckoutRequest): Promise<string>;
  /** @returns the address where the user manages what is paid for, or undefined for who never paid. @throws AppError */
  createPortalLink(request: PortalRequest): Promise<string | undefined>;
}

/** Everything of billing that the process has once. */
export interface Billing {
  provider: BillingProvider;
  /** What can be bought, by the provider's id of it. */
  tierOfVariant: ReadonlyMap<string, PaidTier>;
  /** Of the webhook's signature; two while one replaces the other. */
  webhookKeys: readonly Buffer[];
}

export function variantOf(tierOfVariant: ReadonlyMap<string, PaidTier>, tier: PaidTier): string | undefined {
  return [...tierOfVariant].find(([, sold]) => sold === tier)?.[0];
}

/** Where people are led back to: the web app's page of the plan, which shows what has become of it. */
export function returnUrlOf(webUrl: string | undefined): string | undefined {
  return webUrl === undefined ? undefined : `${webUrl.replace(/\/+$/, "")}/plan?returned=1`;
}
