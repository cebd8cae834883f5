import { ConfigurationError } from "@whs/platform/config";
import { z } from "zod";

/** Where agents of the runtime `cloudflare` run: on nodes of one's own, or in a Cloudflare account. */
export type CloudflareSettings = { driver: "workerd" } | CloudflareAccountSettings;
export interface CloudflareAccountSettings {
  driver: "api";
  accountId: string;
  apiToken: string;
  namespace: string;
  /** Another server that speaks Cloudflare's API. */
  baseUrl: string | undefined;
  /** Where the dispatch Worker answers, when that is not its workers.dev address. */
  dispatchUrl: string | undefined;
  agentCpuMs: number;
}

/** The variables of Cloudflare, for the configuration's schema. */
export const cloudflareEnvironment = {
  WHS_CLOUDFLARE_DRIVER: z.enum(["workerd", "api"]).default("workerd").describe("workerd or api"),
  CLOUDFLARE_ACCOUNT_ID: z
    .string()
    .regex(/^[0-9a-f]{32}$/, "must be 32 hexadecimal digits")
    .optional(),
  CLOUDFLARE_API_TOKEN: z.string().min(16).optional().describe("an API token with the permissions that docs/cloudflare.md lists"),
  CLOUDFLARE_NAMESPACE: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,40}$/, "must have lower-case letters, digits and -, 41 at most")
    .default("whs"),
  CLOUDFLARE_BASE_URL: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe("a server that speaks Cloudflare's API, version 4"),
  CLOUDFLARE_DISPATCH_URL: z
    .url({ protocol: /^https?$/ })
    .refine((url) => new URL(url).pathname === "/", "must have no path")
    .optional()
    .describe("where the dispatch Worker answers"),
  CLOUDFLARE_AGENT_CPU_MS: z.coerce
    .number()
    .int()
    .min(10)
    .max(300_000)
    .default(30_000)
    .describe("milliseconds of processor time for one invocation, 10 to 300000"),
};

const schema = z.object(cloudflareEnvironment);

/** @throws ConfigurationError when the driver lacks what it needs. */
export function readCloudflareSettings(read: z.output<typeof schema>): CloudflareSettings {
  if (read.WHS_CLOUDFLARE_DRIVER === "workerd") return { driver: "workerd" };
  const { CLOUDFLARE_ACCOUNT_ID: accountId, CLOUDFLARE_API_TOKEN: apiToken } = read;
  if (accountId === undefined || apiToken === undefined)
    throw new ConfigurationError(
      "Cannot start:\n  WHS_CLOUDFLARE_DRIVER: api needs CLOUDFLARE_ACCOUNT_ID and CLOUDFLARE_API_TOKEN; docs/cloudflare.md says where they come from",
    );
  return {
    driver: "api",
    accountId,
    apiToken,
    namespace: read.CLOUDFLARE_NAMESPACE,
    baseUrl: read.CLOUDFLARE_BASE_URL?.replace(/\/+$/, ""),
    dispatchUrl: read.CLOUDFLARE_DISPATCH_URL,
    agentCpuMs: read.CLOUDFLARE_AGENT_CPU_MS,
  };
}
