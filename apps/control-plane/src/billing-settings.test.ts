import { expect, test } from "vitest";
import { readConfig } from "./config.ts";

const needed = { DATABASE_URL: "postgres://x", OIDC_ISSUER: "http://127.0.0.1:1" };
const secret = "s".repeat(32);
const complete = {
  LEMONSQUEEZY_API_KEY: "key",
  LEMONSQUEEZY_STORE_ID: "7",
  LEMONSQUEEZY_VARIANTS: "starter=101, pro=102,enterprise=103",
  LEMONSQUEEZY_WEBHOOK_SECRET: secret,
};
const read = (environment: Record<string, string>) => readConfig({ ...needed, ...environment }).billing;

test("billing is in test mode unless a provider's key is there", () => {
  expect(read({})).toEqual({ lemonSqueezy: null, tierOfVariant: undefined, webhookKeys: undefined });
});

test("a provider's settings are read, the previous secret after the current one", () => {
  const settings = read({ ...complete, LEMONSQUEEZY_WEBHOOK_SECRET_PREVIOUS: "p".repeat(40) });
  expect(settings.lemonSqueezy).toEqual({ apiKey: "key", storeId: "7" });
  expect([...(settings.tierOfVariant ?? [])]).toEqual([
    ["101", "starter"],
    ["102", "pro"],
    ["103", "enterprise"],
  ]);
  expect(settings.webhookKeys).toEqual([Buffer.from(secret), Buffer.from("p".repeat(40))]);
});

test.each([
  ["LEMONSQUEEZY_STORE_ID", { ...complete, LEMONSQUEEZY_STORE_ID: "" }],
  ["LEMONSQUEEZY_STORE_ID", { ...complete, LEMONSQUEEZY_STORE_ID: "shop" }],
  ["LEMONSQUEEZY_VARIANTS", { ...complete, LEMONSQUEEZY_VARIANTS: "" }],
  ["LEMONSQUEEZY_VARIANTS", { ...complete, LEMONSQUEEZY_VARIANTS: "free=1" }],
  ["LEMONSQUEEZY_VARIANTS", { ...complete, LEMONSQUEEZY_VARIANTS: "pro=1,pro=2" }],
  ["LEMONSQUEEZY_VARIANTS", { ...complete, LEMONSQUEEZY_VARIANTS: "pro=1,starter=1" }],
  ["LEMONSQUEEZY_VARIANTS", { ...complete, LEMONSQUEEZY_VARIANTS: "pro=one" }],
  ["LEMONSQUEEZY_WEBHOOK_SECRET", { ...complete, LEMONSQUEEZY_WEBHOOK_SECRET: "" }],
  ["LEMONSQUEEZY_WEBHOOK_SECRET", { ...complete, LEMONSQUEEZY_WEBHOOK_SECRET: "short" }],
  ["LEMONSQUEEZY_WEBHOOK_SECRET", { LEMONSQUEEZY_WEBHOOK_SECRET_PREVIOUS: secret }],
  ["WHS_OPERATOR_TOKEN", { WHS_OPERATOR_TOKEN: "short" }],
] as const)("a bad %s stops the start by its name, and shows no secret (%#)", (name, environment) => {
  expect(() => read(environment)).toThrow(name);
  expect(() => read(environment)).not.toThrow(/short|sss/);
});
