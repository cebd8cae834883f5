import type { PaidTier } from "@whs/api";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { createLemonSqueezy } from "./lemonsqueezy.ts";
import type { BillingProvider, CheckoutRequest } from "./provider.ts";

interface Answer {
  status: number;
  body: object | string;
}

const requests: { method: string; path: string; body: unknown }[] = [];
let answerNext: Answer | undefined;

/** Checks what JSON:API and LemonSqueezy's reference ask of a request, and answers in their shape. */
async function answerAsTheProvider(request: IncomingMessage): Promise<Answer> {
  const { method = "", url = "", headers } = request;
  const sent = await text(request);
  const body: unknown = sent === "" ? undefined : JSON.parse(sent);
  requests.push({ method, path: url, body });
  if (answerNext !== undefined) return answerNext;
  if (headers.authorization !== "Bearer test-key") return refusal(401, "Unauthenticated.");
  if (headers.accept !== "application/vnd.api+json" || headers["content-type"] !== "application/vnd.api+json")
    return refusal(415, "Unsupported media type.");
  if (method === "POST" && url === "/v1/checkouts") return isCheckout(body) ? checkoutAnswer : refusal(422, "The data is not a checkout.");
  if (method === "GET" && url === "/v1/subscriptions/77") return subscriptionAnswer;
  if (method === "GET" && url === "/v1/customers/5") return customerAnswer;
  return refusal(404, "The related resource does not exist.");
}

function isCheckout(body: unknown): boolean {
  const { data } = body as {
    data: { type: string; attributes: Record<string, unknown>; relationships: Record<string, { data: unknown }> };
  };
  const known = ["custom_price", "product_options", "checkout_options", "checkout_data", "expires_at", "preview", "test_mode"];
  return (
    data.type === "checkouts" &&
    Object.keys(data.attributes).every((name) => known.includes(name)) &&
    JSON.stringify(data.relationships) ===
      JSON.stringify({ store: { data: { type: "stores", id: "7" } }, variant: { data: { type: "variants", id: "102" } } })
  );
}

const refusal = (status: number, detail: string): Answer => ({
  status,
  body: { errors: [{ status: String(status), detail: `secret detail: ${detail}` }] },
});
const checkoutAnswer: Answer = {
  status: 201,
  body: { data: { type: "checkouts", id: "c1", attributes: { url: "https://store.lemonsqueezy.com/checkout/custom/c1?signature=x" } } },
};
const urls = {
  update_payment_method: "https://store.lemonsqueezy.com/subscription/77/payment-details",
  customer_portal: "https://store.lemonsqueezy.com/billing?signature=p",
  customer_portal_update_subscription: "https://store.lemonsqueezy.com/billing/77/update?signature=u",
};
const subscriptionAnswer: Answer = { status: 200, body: { data: { type: "subscriptions", id: "77", attributes: { urls } } } };
const customerAnswer: Answer = {
  status: 200,
  body: { data: { type: "customers", id: "5", attributes: { urls: { customer_portal: urls.customer_portal } } } },
};

const server = createServer((request, response) => {
  answerAsTheProvider(request).then(
    ({ status, body }) => {
      response.writeHead(status, { "content-type": "application/vnd.api+json" });
      response.end(typeof body === "string" ? body : JSON.stringify(body));
    },
    (error: unknown) => response.destroy(error instanceof Error ? error : undefined),
  );
});

const tierOfVariant: ReadonlyMap<string, PaidTier> = new Map([["102", "pro"]]);
const checkout: CheckoutRequest = {
  user: { id: "usr_1", email: "ada@example.com", name: "Ada" },
  tier: "pro",
  runningSubscriptionId: undefined,
  origin: "https://whs.example.com",
};
const provide = (apiKey = "test-key"): BillingProvider =>
  createLemonSqueezy({ apiKey, storeId: "7", tierOfVariant, returnUrl: "https://console.example.com" });

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const peer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  // The client knows one address only; what it sends there goes to the peer as it is.
  const send = fetch;
  vi.stubGlobal("fetch", (url: string, init: RequestInit) => send(url.replace("https://api.lemonsqueezy.com", peer), init));
});
afterEach(() => {
  answerNext = undefined;
  requests.length = 0;
});
afterAll(async () => {
  vi.unstubAllGlobals();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

test("a checkout is made for one variant, in the user's name, and says whose it is", async () => {
  await expect(provide().createCheckout(checkout)).resolves.toBe("https://store.lemonsqueezy.com/checkout/custom/c1?signature=x");
  expect(requests).toEqual([
    {
      method: "POST",
      path: "/v1/checkouts",
      body: {
        data: {
          type: "checkouts",
          attributes: {
            product_options: { enabled_variants: [102], redirect_url: "https://console.example.com" },
            checkout_data: { email: "ada@example.com", name: "Ada", custom: { user_id: "usr_1" } },
          },
          relationships: { store: { data: { type: "stores", id: "7" } }, variant: { data: { type: "variants", id: "102" } } },
        },
      },
    },
  ]);
});

test("nothing is made up for a user without name and address", async () => {
  await provide().createCheckout({ ...checkout, user: { id: "usr_2", email: null, name: null } });
  expect(requests[0]?.body).toMatchObject({ data: { attributes: { checkout_data: { custom: { user_id: "usr_2" } } } } });
  expect(JSON.stringify(requests[0]?.body)).not.toMatch(/"(email|name)"/);
});

test("a running subscription is moved to the other plan instead of selling a second one", async () => {
  const url = await provide().createCheckout({ ...checkout, runningSubscriptionId: "77" });
  expect(url).toBe(urls.customer_portal_update_subscription);
  expect(requests.map(({ method, path }) => `${method} ${path}`)).toEqual(["GET /v1/subscriptions/77"]);
});

test("the portal of a customer is found, and nobody's for who never bought", async () => {
  const portal = { userId: "usr_1", origin: "https://whs.example.com" };
  await expect(provide().createPortalLink({ ...portal, customerId: "5" })).resolves.toBe(urls.customer_portal);
  await expect(provide().createPortalLink({ ...portal, customerId: null })).resolves.toBeUndefined();
});

test.each<[string, Answer, string]>([
  ["an overload", { status: 503, body: { message: "secret detail" } }, "UNAVAILABLE"],
  ["a rate limit", { status: 429, body: { message: "secret detail" } }, "UNAVAILABLE"],
  ["an answer that is no JSON", { status: 200, body: "<html>secret detail</html>" }, "UNAVAILABLE"],
  ["a refusal", refusal(422, "variant"), "INTERNAL"],
])("%s of the provider becomes a code of ours, without its words", async (_name, answer, code) => {
  answerNext = answer;
  const failure = await provide()
    .createCheckout(checkout)
    .catch((error: unknown) => error);
  expect(failure).toMatchObject({ name: "AppError", code });
  expect((failure as Error).message).not.toContain("secret detail");
});

test("a wrong API key is the operator's matter", async () => {
  await expect(provide("other-key").createCheckout(checkout)).rejects.toMatchObject({ code: "INTERNAL" });
});
