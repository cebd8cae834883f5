import { createCheckout, getCustomer, getSubscription, lemonSqueezySetup } from "@lemonsqueezy/lemonsqueezy.js";
import type { PaidTier } from "@whs/api";
import { AppError } from "@whs/platform/errors";
import { type BillingProvider, variantOf } from "./provider.ts";

/** The client sets no limit of its own. */
const timeoutMs = 10_000;

/** LemonSqueezy by its official client. The key is the client's for the whole process. */
export function createLemonSqueezy(options: {
  apiKey: string;
  storeId: string;
  tierOfVariant: ReadonlyMap<string, PaidTier>;
  /** Where a buyer goes after paying. */
  returnUrl: string | undefined;
}): BillingProvider {
  lemonSqueezySetup({ apiKey: options.apiKey });
  return {
    name: "lemonsqueezy",
    async createCheckout({ user, tier, runningSubscriptionId }) {
      if (runningSubscriptionId !== undefined) {
        const { urls } = (await answerOf(getSubscription(runningSubscriptionId))).data.attributes;
        return urls.customer_portal_update_subscription || urls.customer_portal;
      }
      const variantId = variantOf(options.tierOfVariant, tier);
      if (variantId === undefined) throw new Error(`No variant is the ${tier} plan`);
      const checkout = createCheckout(options.storeId, variantId, {
        checkoutData: {
          ...(user.email === null ? {} : { email: user.email }),
          ...(user.name === null ? {} : { name: user.name }),
          custom: { user_id: user.id },
        },
        productOptions: {
          // Without this the page offers every variant of the product.
          enabledVariants: [Number(variantId)],
          ...(options.returnUrl === undefined ? {} : { redirectUrl: options.returnUrl }),
        },
      });
      return (await answerOf(checkout)).data.attributes.url;
    },
    async createPortalLink({ customerId }) {
      if (customerId === null) return undefined;
      return (await answerOf(getCustomer(customerId))).data.attributes.urls.customer_portal ?? undefined;
    },
  };
}

type Answer<Data> = { statusCode: number | null; error: Error | null; data: Data | null };

/** @throws AppError `UNAVAILABLE` when the provider cannot answer now; its own words stay private. */
async function answerOf<Data>(request: Promise<Answer<Data>>): Promise<Data> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Answer<Data>>((resolve) => {
    timer = setTimeout(() => resolve({ statusCode: null, error: new Error(`No answer within ${timeoutMs} ms`), data: null }), timeoutMs);
  });
  const { statusCode, error, data } = await Promise.race([request, late]).finally(() => clearTimeout(timer));
  if (error === null && data !== null) return data;
  const cause = new Error(`LemonSqueezy answers ${statusCode ?? "nothing"}`, { cause: error });
  const passing = statusCode === null || statusCode === 429 || statusCode >= 500;
  if (passing) throw new AppError("UNAVAILABLE", "The billing provider cannot be reached; try again in a moment.", { cause });
  throw new AppError("INTERNAL", "The billing provider refused the request. The trace id helps the operator to find out why.", { cause });
}
