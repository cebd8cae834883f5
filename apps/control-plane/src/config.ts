import { ConfigurationError, parseEnvironment, reportedVersionsSchema, requireHttps } from "@whs/platform/config";
import path from "node:path";
import { z } from "zod";
import { agentcoreEnvironment, readAgentcoreSettings } from "./agentcore-settings.ts";
import { readArchiveHost } from "./archive-host.ts";
import { billingEnvironment, readBillingSettings } from "./billing-settings.ts";
import { cloudflareEnvironment, readCloudflareSettings } from "./cloudflare-settings.ts";
import { readDelegationKeys, readRedeemKey } from "./delegation-keys.ts";
import { limitsEnvironment, readLimitSettings } from "./limit-settings.ts";

const port = (fallback: number) => z.coerce.number().int().min(0).max(65535).default(fallback).describe("a port; 0 picks a free one");
const flag = z
  .enum(["0", "1"])
  .default("0")
  .transform((value) => value === "1")
  .describe("0 or 1");
const seconds = (fallback: number) => z.coerce.number().int().min(1).default(fallback).describe("whole seconds");

const environment = z.object({
  DATABASE_URL: z
    .string()
    .regex(/^postgres(ql)?:\/\//, "must be a postgres:// URL")
    .describe("a PostgreSQL connection URL"),
  OIDC_ISSUER: z.url().describe("the issuer's URL, as in its tokens"),
  OIDC_AUDIENCE: z.string().min(1).default("whs"),
  OIDC_JWKS_URL: z.url().optional().describe("where the issuer's keys are; default: its discovery document says"),
  WHS_DATA_DIR: z.string().min(1).default(".whs"),
  WHS_RUN_DIR: z.string().min(1).optional(),
  WHS_SUPERVISORS: z
    .string()
    .regex(/^unix:\/[^,]+(?:\s*,\s*unix:\/[^,]+)*$/)
    .optional()
    .describe("comma-separated addresses of supervisors, such as unix:/run/whs/a/supervisor.sock"),
  WHS_SUPERVISORS_STORAGE: z.enum(["own", "shared"]).default("own").describe("own or shared"),
  WHS_HOST: z.string().min(1).default("127.0.0.1"),
  WHS_PORT: port(8787),
  METRICS_HOST: z.string().min(1).default("127.0.0.1").describe("a private address"),
  METRICS_PORT: port(0),
  OTEL_EXPORTER_OTLP_ENDPOINT: z.url().optional().describe("the base URL of an OTLP/HTTP receiver"),
  OTEL_TRACES_SAMPLER_ARG: z.coerce.number().min(0).max(1).default(1).describe("the share of traces that are kept, 0 to 1"),
  WHS_PUBLIC_URL: z.url().optional(),
  WHS_ALLOW_HTTP: flag,
  WHS_TIERS_FILE: z.string().min(1).optional(),
  WHS_MASTER_KEY_FILE: z.string().min(1).optional(),
  WHS_TRUSTED_PROXIES: z.string().default("").describe("comma-separated addresses"),
  CORS_ORIGINS: z.string().default("").describe("comma-separated origins"),
  WHS_REQUIRE_SIGNATURE_V2: flag,
  WHS_OPERATOR_TOKEN: z
    .string()
    .regex(/^[\x21-\x7e]{32,1024}$/, "must be 32 to 1024 visible ASCII characters")
    .optional(),
  WEB_URL: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe("where people use the web app"),
  ...billingEnvironment,
  ...cloudflareEnvironment,
  ...agentcoreEnvironment,
  ...limitsEnvironment,
  FLEETPROMPT_URL: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe("the base URL of the marketplace's API"),
  WHS_DELEGATION_SOURCES: z.string().default("agentromatic,agentelic").describe("comma-separated names"),
  WHS_GITHUB_ARCHIVE_URL: z.url().default("https://codeload.github.com").describe("a URL"),
  WHS_GITHUB_ARCHIVE_ADDRESSES: z.string().default("").describe("comma-separated addresses and networks"),
  WHS_GITHUB_ARCHIVE_SECONDS: seconds(60),
  SECRETS_URL: z.string().min(1).default("local:"),
  WHS_SECRETS_TOKEN_FILE: z.string().min(1).optional().describe("a file with the secret store's token"),
  BLOB_URL: z.string().min(1).optional(),
  LOG_LEVEL: z
    .enum(["trace", "debug", "info", "warn", "error", "silent"])
    .default("info")
    .describe("trace, debug, info, warn, error or silent"),
  WHS_MAX_UPLOAD_BYTES: z.coerce
    .number()
    .int()
    .min(1024)
    .default(25 * 1024 * 1024),
  WHS_INVOKE_TIMEOUT_SECONDS: seconds(60),
  WHS_AGENTCORE_INVOKE_TIMEOUT_SECONDS: seconds(900),
  WHS_SESSION_IDLE_SECONDS: seconds(30 * 24 * 3600),
  WHS_TELEMETRY_OVERLAP_SECONDS: seconds(3600),
  WHS_FALLBACK_AFTER_SECONDS: seconds(60),
  WHS_HEARTBEAT_SECONDS: seconds(15),
  WHS_STREAM_GRACE_SECONDS: seconds(10),
  WHS_REPORTED_VERSIONS: reportedVersionsSchema,
});

export type Config = ReturnType<typeof readConfig>;

/** The only reader of the environment. @throws ConfigurationError naming the variable and what it should be. */
export function readConfig(env: NodeJS.ProcessEnv = process.env) {
  const read = parseEnvironment(environment, env);
  const dataDir = path.resolve(read.WHS_DATA_DIR);
  if (read.WHS_PUBLIC_URL !== undefined) requireHttps("WHS_PUBLIC_URL", read.WHS_PUBLIC_URL, read.WHS_ALLOW_HTTP);
  const list = (text: string) =>
    text
      .split(",")
      .map((item) => item.trim())
      .filter((item) => item !== "");
  for (const origin of list(read.CORS_ORIGINS)) {
    if (!URL.canParse(origin) || new URL(origin).origin !== origin)
      throw new ConfigurationError(`Cannot start:\n  CORS_ORIGINS: "${origin}" is not an origin such as https://console.example.com`);
  }
  return {
    databaseUrl: read.DATABASE_URL,
    oidc: { issuer: read.OIDC_ISSUER, audience: read.OIDC_AUDIENCE, jwksUrl: read.OIDC_JWKS_URL },
    dataDir,
    runDir: path.resolve(read.WHS_RUN_DIR ?? path.join(dataDir, "run")),
    dataPlane: {
      supervisors:
        read.WHS_SUPERVISORS === undefined
          ? [path.resolve(read.WHS_RUN_DIR ?? path.join(dataDir, "run"), "supervisor.sock")]
          : list(read.WHS_SUPERVISORS).map((address) => address.slice("unix:".length)),
      sharedStorage: read.WHS_SUPERVISORS_STORAGE === "shared",
    },
    host: read.WHS_HOST,
    port: read.WHS_PORT,
    metrics: { host: read.METRICS_HOST, port: read.METRICS_PORT },
    tracing: { endpoint: read.OTEL_EXPORTER_OTLP_ENDPOINT, sampleRatio: read.OTEL_TRACES_SAMPLER_ARG },
    publicUrl: read.WHS_PUBLIC_URL,
    tiersFile: read.WHS_TIERS_FILE ?? path.resolve(import.meta.dirname, "../../../config/tiers.yaml"),
    trustedProxies: list(read.WHS_TRUSTED_PROXIES),
    corsOrigins: list(read.CORS_ORIGINS),
    requireSignatureV2: read.WHS_REQUIRE_SIGNATURE_V2,
    delegationKeys: readDelegationKeys(list(read.WHS_DELEGATION_SOURCES), env),
    marketplace: { url: read.FLEETPROMPT_URL, key: readRedeemKey(env) },
    githubArchive: readArchiveHost({
      url: read.WHS_GITHUB_ARCHIVE_URL,
      privateAddresses: list(read.WHS_GITHUB_ARCHIVE_ADDRESSES),
      timeoutMs: read.WHS_GITHUB_ARCHIVE_SECONDS * 1000,
    }),
    operatorToken: read.WHS_OPERATOR_TOKEN,
    webUrl: read.WEB_URL,
    billing: readBillingSettings(read),
    cloudflare: readCloudflareSettings(read),
    limits: readLimitSettings(read),
    secrets: {
      url: read.SECRETS_URL,
      dataDir,
      masterKeyFile: path.resolve(read.WHS_MASTER_KEY_FILE ?? path.join(dataDir, "master.key")),
      allowHttp: read.WHS_ALLOW_HTTP,
      ...(read.WHS_SECRETS_TOKEN_FILE === undefined ? {} : { tokenFile: path.resolve(read.WHS_SECRETS_TOKEN_FILE) }),
    },
    allowHttp: read.WHS_ALLOW_HTTP,
    blobUrl: read.BLOB_URL ?? `file:${path.join(dataDir, "blobs")}`,
    logLevel: read.LOG_LEVEL,
    maxUploadBytes: read.WHS_MAX_UPLOAD_BYTES,
    agentcore: readAgentcoreSettings(read, dataDir),
    /** By runtime, for a whole invocation. */
    invokeTimeoutMs: { cloudflare: read.WHS_INVOKE_TIMEOUT_SECONDS * 1000, agentcore: read.WHS_AGENTCORE_INVOKE_TIMEOUT_SECONDS * 1000 },
    sessionIdleMs: read.WHS_SESSION_IDLE_SECONDS * 1000,
    telemetryOverlapMs: read.WHS_TELEMETRY_OVERLAP_SECONDS * 1000,
    fallbackAfterMs: read.WHS_FALLBACK_AFTER_SECONDS * 1000,
    /** How often a comment keeps an idle stream of events open. */
    heartbeatMs: read.WHS_HEARTBEAT_SECONDS * 1000,
    /** How long an agent runs on after the last reader of its stream left. */
    streamGraceMs: read.WHS_STREAM_GRACE_SECONDS * 1000,
    reportedVersions: read.WHS_REPORTED_VERSIONS,
  };
}
