import { ConfigurationError, isLoopback, listSchema } from "@whs/platform/config";
import type { AgentcoreProviderOptions } from "@whs/runtimes/agentcore";
import path from "node:path";
import { z } from "zod";

/** Everything of the driver that configuration decides; who may read secrets and takes events is put in by `agentcore.ts`. */
export type AgentcoreSettings = Omit<AgentcoreProviderOptions, "readSecret" | "report" | "log" | "images"> & {
  images: Omit<AgentcoreProviderOptions["images"], "credentials">;
};

const seconds = (fallback: number) => z.coerce.number().int().min(60).max(28_800).default(fallback).describe("60 to 28800 seconds");
const dollars = (fallback: number) => z.coerce.number().min(0).default(fallback).describe("US dollars");
const list = listSchema.default([]).describe("comma-separated ids");
const regionSchema = z.string().regex(/^[a-z]{2}(-[a-z]+)+-\d$/, "must be a region such as us-east-1");

/** The variables of the AgentCore runtime, for the configuration's schema. */
export const agentcoreEnvironment = {
  AGENTCORE_URL: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe("where the local AgentCore service is"),
  AGENTCORE_LOCAL_ACCESS_KEY_ID: z.string().min(8).optional(),
  AGENTCORE_LOCAL_SECRET_ACCESS_KEY: z.string().min(16).optional(),
  AGENTCORE_LOCAL_REGION: regionSchema.default("us-east-1"),
  AWS_REGION: regionSchema.optional(),
  AGENTCORE_ROLE_ARN: z
    .string()
    .regex(/^arn:aws(-[a-z-]+)?:iam::\d{12}:role\/[\w+=,.@/-]{1,512}$/, "must be the ARN of an IAM role")
    .optional(),
  AGENTCORE_REPOSITORY: z
    .string()
    .regex(/^\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(\.cn)?\/[a-z0-9]+([._/-]+[a-z0-9]+)*$/, "must be an ECR repository without a tag")
    .optional(),
  AGENTCORE_BASE_IMAGE: z
    .string()
    .regex(/^[^/\s]+\/\S+$/, "must be like public.ecr.aws/docker/library/node:24-slim")
    .optional(),
  AGENTCORE_BASE_NODE_PATH: z.string().startsWith("/").default("/usr/local/bin/node"),
  AGENTCORE_NODE_BINARY: z.string().startsWith("/").optional().describe("an absolute path of Node for linux/arm64"),
  AGENTCORE_LIBRARY_ROOT: z.string().startsWith("/").optional().describe("a directory with Debian's libraries for it"),
  AGENTCORE_CACHE_DIR: z.string().min(1).optional().describe("a directory for layers of images"),
  AGENTCORE_SUBNETS: list,
  AGENTCORE_SECURITY_GROUPS: list,
  AGENTCORE_SESSION_STORAGE: z.enum(["0", "1"]).optional().describe("0 or 1"),
  AGENTCORE_IDLE_SECONDS: seconds(900),
  AGENTCORE_MAX_LIFE_SECONDS: seconds(28_800),
  AGENTCORE_PRICE_VCPU_HOUR: dollars(0.0895),
  AGENTCORE_PRICE_GB_HOUR: dollars(0.00945),
  AGENTCORE_PRICE_VCPUS: z.coerce.number().min(0).default(0.25).describe("vCPUs that an answering session is taken to use"),
  AGENTCORE_PRICE_MEMORY_GB: z.coerce.number().min(0).default(0.5).describe("GB that an answering session is taken to use"),
  AGENTCORE_PRICE_MILLION_REQUESTS: dollars(0),
  AGENTCORE_PRICE_MILLION_TOKENS: dollars(0),
  AGENTCORE_PRICE_CODE_HOUR: dollars(0.09895),
  AGENTCORE_PRICE_BROWSER_SESSION: dollars(0.00344),
  AGENTCORE_PRICE_MILLION_TOOL_CALLS: dollars(0),
};

const schema = z.object(agentcoreEnvironment);
type Environment = z.output<typeof schema>;

/** The image's base on AWS, where no other is named: Debian's Node for linux/arm64. */
const defaultBaseImage = "public.ecr.aws/docker/library/node:24-slim";
/** What the local service is told; it gives roles no meaning. */
const localRole = "arn:aws:iam::000000000000:role/whs-agents";

/** AWS where a role is named, else the local service, else null: this installation has no AgentCore. @throws ConfigurationError */
export function readAgentcoreSettings(read: Environment, dataDir: string): AgentcoreSettings | null {
  if (read.AGENTCORE_ROLE_ARN !== undefined) return awsSettings(read, read.AGENTCORE_ROLE_ARN, dataDir);
  for (const name of ["AGENTCORE_REPOSITORY", "AGENTCORE_BASE_IMAGE"] as const)
    if (read[name] !== undefined) throw refusal(name, "is for AWS, which needs AGENTCORE_ROLE_ARN too");
  return read.AGENTCORE_URL === undefined ? null : localSettings(read, read.AGENTCORE_URL, dataDir);
}

function awsSettings(read: Environment, roleArn: string, dataDir: string): AgentcoreSettings {
  const { AWS_REGION: region, AGENTCORE_REPOSITORY: image, AGENTCORE_SUBNETS: subnets, AGENTCORE_SECURITY_GROUPS: securityGroups } = read;
  if (region === undefined) throw refusal("AWS_REGION", "is needed with AGENTCORE_ROLE_ARN");
  if (image === undefined)
    throw refusal("AGENTCORE_REPOSITORY", "is needed with AGENTCORE_ROLE_ARN: the ECR repository for agents' images");
  if (subnets.length > 0 !== securityGroups.length > 0) throw refusal("AGENTCORE_SUBNETS", "and AGENTCORE_SECURITY_GROUPS belong together");
  const slash = image.indexOf("/");
  return {
    ...shared(read),
    driver: "aws",
    region,
    roleArn,
    network: subnets.length === 0 ? { mode: "PUBLIC" } : { mode: "VPC", subnets, securityGroups },
    sessionStorage: read.AGENTCORE_SESSION_STORAGE === "1",
    images: {
      registry: `https://${image.slice(0, slash)}`,
      repository: image.slice(slash + 1),
      architecture: "arm64",
      base: baseOf(read),
      cacheDirectory: cacheOf(read, dataDir),
    },
  };
}

/** An image, or Node and its libraries as files, where no other registry shall be asked. */
function baseOf(read: Environment): AgentcoreSettings["images"]["base"] {
  const { AGENTCORE_NODE_BINARY: nodeBinary, AGENTCORE_LIBRARY_ROOT: libraryRoot, AGENTCORE_BASE_IMAGE: image } = read;
  if (nodeBinary === undefined && libraryRoot === undefined)
    return { kind: "registry", image: image ?? defaultBaseImage, nodePath: read.AGENTCORE_BASE_NODE_PATH };
  if (nodeBinary === undefined || libraryRoot === undefined)
    throw refusal("AGENTCORE_NODE_BINARY", "and AGENTCORE_LIBRARY_ROOT belong together");
  if (image !== undefined) throw refusal("AGENTCORE_BASE_IMAGE", "and AGENTCORE_NODE_BINARY exclude each other");
  return { kind: "built", nodeBinary, libraryRoot };
}

function localSettings(read: Environment, url: string, dataDir: string): AgentcoreSettings {
  const { AGENTCORE_LOCAL_ACCESS_KEY_ID: accessKeyId, AGENTCORE_LOCAL_SECRET_ACCESS_KEY: secretAccessKey } = read;
  if (accessKeyId === undefined) throw refusal("AGENTCORE_LOCAL_ACCESS_KEY_ID", "is needed with AGENTCORE_URL");
  if (secretAccessKey === undefined) throw refusal("AGENTCORE_LOCAL_SECRET_ACCESS_KEY", "is needed with AGENTCORE_URL");
  const { protocol, hostname } = new URL(url);
  if (protocol !== "https:" && !isLoopback(hostname)) throw refusal("AGENTCORE_URL", "must be https beyond loopback");
  return {
    ...shared(read),
    driver: "local",
    region: read.AGENTCORE_LOCAL_REGION,
    endpoint: url.replace(/\/+$/, ""),
    credentials: { accessKeyId, secretAccessKey },
    roleArn: localRole,
    network: { mode: "PUBLIC" },
    sessionStorage: read.AGENTCORE_SESSION_STORAGE !== "0",
    images: {
      registry: new URL(url).origin,
      repository: "whs-agents",
      architecture: process.arch === "arm64" ? "arm64" : "amd64",
      // The Node that runs this process, with the libraries of this machine.
      base: { kind: "built", nodeBinary: process.execPath, libraryRoot: "/" },
      cacheDirectory: cacheOf(read, dataDir),
    },
  };
}

function shared(read: Environment) {
  return {
    lifecycle: { idleTimeoutSeconds: read.AGENTCORE_IDLE_SECONDS, maxLifetimeSeconds: read.AGENTCORE_MAX_LIFE_SECONDS },
    prices: {
      perVcpuHour: read.AGENTCORE_PRICE_VCPU_HOUR,
      perGbHour: read.AGENTCORE_PRICE_GB_HOUR,
      vCpus: read.AGENTCORE_PRICE_VCPUS,
      memoryGb: read.AGENTCORE_PRICE_MEMORY_GB,
      perMillionRequests: read.AGENTCORE_PRICE_MILLION_REQUESTS,
      perMillionTokens: read.AGENTCORE_PRICE_MILLION_TOKENS,
      perCodeHour: read.AGENTCORE_PRICE_CODE_HOUR,
      perBrowserSession: read.AGENTCORE_PRICE_BROWSER_SESSION,
      perMillionToolCalls: read.AGENTCORE_PRICE_MILLION_TOOL_CALLS,
    },
  };
}

function cacheOf(read: Environment, dataDir: string): string {
  return path.resolve(read.AGENTCORE_CACHE_DIR ?? path.join(dataDir, "cache", "agentcore"));
}

function refusal(name: string, message: string): ConfigurationError {
  return new ConfigurationError(`Cannot start:\n  ${name}: ${message}`);
}
