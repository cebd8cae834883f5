import { ConfigurationError } from "@whs/platform/config";
import { expect, test } from "vitest";
import { z } from "zod";
import { cloudflareEnvironment, readCloudflareSettings } from "./cloudflare-settings.ts";

const read = (environment: Record<string, string>) => readCloudflareSettings(z.object(cloudflareEnvironment).parse(environment));
const account = { CLOUDFLARE_ACCOUNT_ID: "0123456789abcdef0123456789abcdef", CLOUDFLARE_API_TOKEN: "token-of-some-length" };

test("agents run on nodes of one's own unless the operator says otherwise, whatever else is set", () => {
  expect(read({})).toEqual({ driver: "workerd" });
  expect(read(account)).toEqual({ driver: "workerd" });
});

test("an account is enough to run agents on Cloudflare", () => {
  expect(read({ WHS_CLOUDFLARE_DRIVER: "api", ...account })).toEqual({
    driver: "api",
    accountId: account.CLOUDFLARE_ACCOUNT_ID,
    apiToken: account.CLOUDFLARE_API_TOKEN,
    namespace: "whs",
    baseUrl: undefined,
    dispatchUrl: undefined,
    agentCpuMs: 30_000,
  });
});

test.each([["CLOUDFLARE_ACCOUNT_ID"], ["CLOUDFLARE_API_TOKEN"]])("Cloudflare without %s stops the start by name", (missing) => {
  expect(() => read({ WHS_CLOUDFLARE_DRIVER: "api", ...account, [missing]: undefined as never })).toThrow(ConfigurationError);
  expect(() => read({ WHS_CLOUDFLARE_DRIVER: "api", ...account, [missing]: undefined as never })).toThrow(missing);
});

test.each([
  ["CLOUDFLARE_ACCOUNT_ID", "my-account"],
  ["CLOUDFLARE_NAMESPACE", "Mine"],
  ["CLOUDFLARE_DISPATCH_URL", "https://dispatch.example.com/agents"],
  ["CLOUDFLARE_BASE_URL", "ftp://example.com"],
  ["CLOUDFLARE_AGENT_CPU_MS", "1"],
  ["WHS_CLOUDFLARE_DRIVER", "wrangler"],
])("%s cannot be %s", (name, value) => {
  expect(() => read({ WHS_CLOUDFLARE_DRIVER: "api", ...account, [name]: value })).toThrow(name);
});
