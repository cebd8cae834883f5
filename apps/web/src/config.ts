import { isLoopback, parseEnvironment, requireHttps } from "@whs/platform/config";
import { logLevels } from "@whs/platform/log";
import { z } from "zod";

const address = z
  .url({ protocol: /^https?$/ })
  .transform((url) => url.replace(/\/+$/, ""))
  .describe("an http or https URL");
const flag = z
  .enum(["0", "1"])
  .default("0")
  .transform((value) => value === "1");

const schema = z.object({
  WEB_HOST: z.string().min(1).default("127.0.0.1").describe("an address to listen on"),
  WEB_PORT: z.coerce.number().int().min(0).max(65_535).default(8789).describe("a port number; 0 picks a free one"),
  WEB_METRICS_HOST: z.string().min(1).default("127.0.0.1").describe("a private address"),
  WEB_METRICS_PORT: z.coerce.number().int().min(0).max(65_535).default(0).describe("a port number; 0 picks a free one"),
  WEB_URL: address.optional().describe("the URL that browsers use, without a path"),
  WEB_SESSION_SECRET: z.string().min(32).describe("a secret of at least 32 characters"),
  OIDC_ISSUER: z.url().describe("the issuer's URL, as in its tokens"),
  OIDC_AUDIENCE: z.string().min(1).default("whs"),
  WEB_OIDC_CLIENT_ID: z.string().min(1).default("whs-web").describe("the client that this app is at the issuer"),
  WEB_OIDC_CLIENT_SECRET: z.string().min(1).optional().describe("its secret, where it has one"),
  WEB_OIDC_SCOPES: z.string().min(1).default("openid profile email").describe("space-separated scopes"),
  WEB_OIDC_TOKEN: z.enum(["access_token", "id_token"]).default("access_token").describe("access_token or id_token"),
  WEB_OIDC_AUDIENCE_PARAMETER: z.enum(["none", "audience", "resource"]).default("none").describe("none, audience or resource"),
  WHS_API_URL: address.default("http://127.0.0.1:8787").describe("where this server reaches WHS"),
  WHS_PUBLIC_URL: address.optional().describe("where people reach WHS"),
  FLEETPROMPT_URL: address.optional().describe("where this server reaches FleetPrompt"),
  FLEETPROMPT_PUBLIC_URL: address.optional().describe("where people reach FleetPrompt"),
  WHS_TRUSTED_PROXIES: z.string().default("").describe("comma-separated addresses"),
  WHS_ALLOW_HTTP: flag.describe("1 allows http beyond loopback"),
  LOG_LEVEL: z
    .enum(logLevels)
    .default("info")
    .describe(`one of ${logLevels.join(", ")}`),
});

export type Config = ReturnType<typeof readConfig>;

/** The only reader of the environment. @throws ConfigurationError that names the variable and what it should be */
export function readConfig(environment: NodeJS.ProcessEnv = process.env) {
  const read = parseEnvironment(schema, environment);
  const publicUrl = new URL(read.WEB_URL ?? `http://${read.WEB_HOST}:${read.WEB_PORT}`);
  requireHttps("WEB_URL", publicUrl.href, read.WHS_ALLOW_HTTP);
  return {
    host: read.WEB_HOST,
    port: read.WEB_PORT,
    metrics: { host: read.WEB_METRICS_HOST, port: read.WEB_METRICS_PORT },
    /** Origin that browsers use. */
    origin: publicUrl.origin,
    /** Cookies are bound to https, and so is everything else, when browsers use it. */
    secure: publicUrl.protocol === "https:",
    loopback: isLoopback(publicUrl.hostname),
    sessionSecret: read.WEB_SESSION_SECRET,
    oidc: {
      issuer: read.OIDC_ISSUER,
      audience: read.OIDC_AUDIENCE,
      clientId: read.WEB_OIDC_CLIENT_ID,
      clientSecret: read.WEB_OIDC_CLIENT_SECRET,
      scopes: read.WEB_OIDC_SCOPES,
      /** Which of the issuer's tokens the APIs take. */
      token: read.WEB_OIDC_TOKEN,
      /** How the issuer is told whom the access token is for, where it wants to be told. */
      audienceParameter: read.WEB_OIDC_AUDIENCE_PARAMETER,
    },
    whsUrl: read.WHS_API_URL,
    whsPublicUrl: read.WHS_PUBLIC_URL ?? read.WHS_API_URL,
    fleetpromptUrl: read.FLEETPROMPT_URL,
    fleetpromptPublicUrl: read.FLEETPROMPT_PUBLIC_URL ?? read.FLEETPROMPT_URL,
    /** Whose `X-Forwarded-For` is believed. */
    trustedProxies: read.WHS_TRUSTED_PROXIES.split(",")
      .map((proxy) => proxy.trim())
      .filter((proxy) => proxy !== ""),
    logLevel: read.LOG_LEVEL,
  };
}
