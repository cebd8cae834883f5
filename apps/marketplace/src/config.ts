import { ConfigurationError, parseEnvironment, requireHttps } from "@whs/platform/config";
import { rateSetting } from "@whs/platform/rate-limits";
import { readSourceKeys } from "@whs/platform/signatures";
import path from "node:path";
import { z } from "zod";

const port = (fallback: number) => z.coerce.number().int().min(0).max(65535).default(fallback).describe("a port; 0 picks a free one");
const flag = z
  .enum(["0", "1"])
  .default("0")
  .transform((value) => value === "1")
  .describe("0 or 1");
const webAddress = z
  .url({ protocol: /^https?$/ })
  .transform((url) => url.replace(/\/+$/, ""))
  .optional();

/** Who may redeem install tokens. */
const sources = ["whs", "agentromatic", "agentelic"] as const;

const environment = z.object({
  FLEETPROMPT_DATABASE_URL: z
    .string()
    .regex(/^postgres(ql)?:\/\//, "must be a postgres:// URL")
    .describe("a PostgreSQL connection URL"),
  OIDC_ISSUER: z.url().describe("the issuer's URL, as in its tokens"),
  OIDC_AUDIENCE: z.string().min(1).default("whs"),
  OIDC_JWKS_URL: z.url().optional().describe("where the issuer's keys are; default: its discovery document says"),
  WHS_DATA_DIR: z.string().min(1).default(".whs"),
  FLEETPROMPT_HOST: z.string().min(1).default("127.0.0.1"),
  FLEETPROMPT_PORT: port(8788),
  FLEETPROMPT_METRICS_HOST: z.string().min(1).default("127.0.0.1").describe("a private address"),
  FLEETPROMPT_METRICS_PORT: port(0),
  FLEETPROMPT_PUBLIC_URL: webAddress.describe("where people and pages reach this service"),
  FLEETPROMPT_API_URL: webAddress.describe("the same, where only the address on this machine is known"),
  FLEETPROMPT_PUBLISHER_APPROVAL: flag,
  FLEETPROMPT_REQUIRE_SIGNATURE_V2: flag,
  FLEETPROMPT_AGENTROMATIC_URL: webAddress.describe("where people use Agentromatic"),
  FLEETPROMPT_AGENTELIC_URL: webAddress.describe("where people use Agentelic"),
  FLEETPROMPT_RATE_SEARCH: rateSetting("600/minute"),
  FLEETPROMPT_RATE_READ: rateSetting("1800/minute"),
  FLEETPROMPT_RATE_ACCOUNT: rateSetting("1800/minute"),
  FLEETPROMPT_RATE_WRITE: rateSetting("300/minute"),
  FLEETPROMPT_RATE_INSTALL: rateSetting("300/minute"),
  FLEETPROMPT_RATE_REPORT: rateSetting("20/hour"),
  FLEETPROMPT_RATE_INTERNAL: rateSetting("6000/minute"),
  FLEETPROMPT_RATE_OPERATOR: rateSetting("600/minute"),
  WHS_API_URL: webAddress.describe("where WHS is, to ask whom its API tokens stand for"),
  WEB_URL: webAddress.describe("where people use the web app"),
  WHS_ALLOW_HTTP: flag,
  WHS_OPERATOR_TOKEN: z
    .string()
    .regex(/^[\x21-\x7e]{32,1024}$/, "must be 32 to 1024 visible ASCII characters")
    .optional(),
  WHS_MASTER_KEY_FILE: z.string().min(1).optional(),
  WHS_SECRETS_TOKEN_FILE: z.string().min(1).optional().describe("a file with the secret store's token"),
  WHS_TRUSTED_PROXIES: z.string().default("").describe("comma-separated addresses"),
  CORS_ORIGINS: z.string().default("").describe("comma-separated origins"),
  SECRETS_URL: z.string().min(1).default("local:"),
  BLOB_URL: z.string().min(1).optional(),
  REDIS_URL: z
    .url({ protocol: /^rediss?$/ })
    .optional()
    .describe("redis:// or rediss://, a Redis or Valkey that counts rates"),
  LOG_LEVEL: z
    .enum(["trace", "debug", "info", "warn", "error", "silent"])
    .default("info")
    .describe("trace, debug, info, warn, error or silent"),
});

export type Config = ReturnType<typeof readConfig>;

/** The only reader of the environment. @throws ConfigurationError naming the variable and what it should be. */
export function readConfig(env: NodeJS.ProcessEnv = process.env) {
  const read = parseEnvironment(environment, env);
  const dataDir = path.resolve(read.WHS_DATA_DIR);
  if (read.FLEETPROMPT_PUBLIC_URL !== undefined) requireHttps("FLEETPROMPT_PUBLIC_URL", read.FLEETPROMPT_PUBLIC_URL, read.WHS_ALLOW_HTTP);
  const corsOrigins = listOf(read.CORS_ORIGINS);
  for (const origin of corsOrigins) {
    if (!URL.canParse(origin) || new URL(origin).origin !== origin)
      throw new ConfigurationError(`Cannot start:\n  CORS_ORIGINS: "${origin}" is not an origin such as https://console.example.com`);
  }
  return {
    databaseUrl: read.FLEETPROMPT_DATABASE_URL,
    oidc: { issuer: read.OIDC_ISSUER, audience: read.OIDC_AUDIENCE, jwksUrl: read.OIDC_JWKS_URL },
    dataDir,
    host: read.FLEETPROMPT_HOST,
    port: read.FLEETPROMPT_PORT,
    metrics: { host: read.FLEETPROMPT_METRICS_HOST, port: read.FLEETPROMPT_METRICS_PORT },
    publicUrl: read.FLEETPROMPT_PUBLIC_URL ?? read.FLEETPROMPT_API_URL,
    publisherApproval: read.FLEETPROMPT_PUBLISHER_APPROVAL,
    internal: {
      keys: readSourceKeys({ variable: "FLEETPROMPT_INTERNAL_REDEEM_SECRET", sources, sourcesVariable: "the systems that install" }, env),
      requireV2: read.FLEETPROMPT_REQUIRE_SIGNATURE_V2,
    },
    rates: {
      search: read.FLEETPROMPT_RATE_SEARCH,
      read: read.FLEETPROMPT_RATE_READ,
      account: read.FLEETPROMPT_RATE_ACCOUNT,
      write: read.FLEETPROMPT_RATE_WRITE,
      install: read.FLEETPROMPT_RATE_INSTALL,
      report: read.FLEETPROMPT_RATE_REPORT,
      internal: read.FLEETPROMPT_RATE_INTERNAL,
      operator: read.FLEETPROMPT_RATE_OPERATOR,
    },
    /** Where people go on with an install, by target system. */
    targets: { whs: read.WEB_URL, agentromatic: read.FLEETPROMPT_AGENTROMATIC_URL, agentelic: read.FLEETPROMPT_AGENTELIC_URL },
    whsUrl: read.WHS_API_URL,
    webUrl: read.WEB_URL,
    operatorToken: read.WHS_OPERATOR_TOKEN,
    trustedProxies: listOf(read.WHS_TRUSTED_PROXIES),
    corsOrigins,
    secrets: {
      url: read.SECRETS_URL,
      dataDir,
      masterKeyFile: path.resolve(read.WHS_MASTER_KEY_FILE ?? path.join(dataDir, "master.key")),
      allowHttp: read.WHS_ALLOW_HTTP,
      ...(read.WHS_SECRETS_TOKEN_FILE === undefined ? {} : { tokenFile: path.resolve(read.WHS_SECRETS_TOKEN_FILE) }),
    },
    allowHttp: read.WHS_ALLOW_HTTP,
    blobUrl: read.BLOB_URL ?? `file:${path.join(dataDir, "blobs")}`,
    redisUrl: read.REDIS_URL,
    logLevel: read.LOG_LEVEL,
  };
}

function listOf(text: string): string[] {
  return text
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");
}
