import { ConfigurationError, isLoopback, parseEnvironment, requireHttps } from "@whs/platform/config";
import { logLevels, type LogLevel } from "@whs/platform/log";
import { z } from "zod";

const schema = z.object({
  DATABASE_URL: z.string().min(1).describe("a PostgreSQL connection URL"),
  IDENTITY_HOST: z.string().default("127.0.0.1").describe("an address to listen on"),
  IDENTITY_PORT: z.coerce.number().int().min(1).max(65_535).default(8786).describe("a port number"),
  IDENTITY_PUBLIC_URL: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe("the URL that browsers use, without a path"),
  IDENTITY_TRUSTED_ORIGINS: z.string().default("").describe("comma-separated origins that may call from a browser"),
  WEB_URL: z
    .url({ protocol: /^https?$/ })
    .default("http://127.0.0.1:8789")
    .describe("the URL where browsers reach the web app, without a path"),
  WHS_TRUSTED_PROXIES: z.string().default("").describe("comma-separated addresses"),
  OIDC_AUDIENCE: z.string().min(1).default("whs").describe("the audience of the tokens"),
  BETTER_AUTH_SECRET: z.string().min(32).describe("a secret of at least 32 characters"),
  WHS_ALLOW_HTTP: z.enum(["0", "1"]).default("0").describe("1 allows http beyond loopback"),
  LOG_LEVEL: z
    .enum(logLevels)
    .default("info")
    .describe(`one of ${logLevels.join(", ")}`),
});

export interface IdentityConfig {
  databaseUrl: string;
  host: string;
  port: number;
  /** Origin that browsers use and issuer of the tokens; no slash at the end. */
  publicUrl: string;
  /** Origin of the web app, the client of the authorization code flow. */
  webUrl: string;
  /** The only address where it is answered. */
  webRedirectUri: string;
  trustedOrigins: readonly string[];
  trustedProxies: readonly string[];
  audience: string;
  secret: string;
  logLevel: LogLevel;
}

/** @throws ConfigurationError that names the variable and what it should be */
export function readIdentityConfig(environment: NodeJS.ProcessEnv = process.env): IdentityConfig {
  const values = parseEnvironment(schema, environment);
  const publicUrl = new URL(values.IDENTITY_PUBLIC_URL ?? `http://${hostInUrl(values.IDENTITY_HOST)}:${values.IDENTITY_PORT}`);
  requireHttps("IDENTITY_PUBLIC_URL", publicUrl.href, values.WHS_ALLOW_HTTP === "1");
  if (publicUrl.pathname !== "/" || publicUrl.search !== "") {
    throw new ConfigurationError("Cannot start:\n  IDENTITY_PUBLIC_URL must be an origin, without a path");
  }
  requireHttps("WEB_URL", values.WEB_URL, values.WHS_ALLOW_HTTP === "1");
  const webUrl = new URL(values.WEB_URL).origin;
  return {
    databaseUrl: values.DATABASE_URL,
    host: values.IDENTITY_HOST,
    port: values.IDENTITY_PORT,
    publicUrl: publicUrl.origin,
    webUrl,
    webRedirectUri: `${webUrl}/auth/callback`,
    trustedOrigins: [publicUrl.origin, ...loopbackAliases(publicUrl), ...list(values.IDENTITY_TRUSTED_ORIGINS)],
    trustedProxies: list(values.WHS_TRUSTED_PROXIES),
    audience: values.OIDC_AUDIENCE,
    secret: values.BETTER_AUTH_SECRET,
    logLevel: values.LOG_LEVEL,
  };
}

/** On loopback people type `localhost` as often as the number; it is the same server. */
function loopbackAliases(url: URL): string[] {
  return isLoopback(url.hostname) ? [`${url.protocol}//localhost:${url.port}`, `${url.protocol}//127.0.0.1:${url.port}`] : [];
}

function hostInUrl(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

function list(text: string): string[] {
  return text
    .split(",")
    .map((entry) => entry.trim())
    .filter(Boolean);
}
