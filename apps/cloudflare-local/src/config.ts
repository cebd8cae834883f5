import { resolve } from "node:path";
import { isLoopback, parseEnvironment, requireSocketRoom } from "@whs/platform/config";
import { z } from "zod";

const environmentSchema = z.object({
  WHS_DATA_DIR: z.string().min(1).default(".whs"),
  WHS_MASTER_KEY_FILE: z.string().min(1).optional(),
  CLOUDFLARE_LOCAL_HOST: z
    .string()
    .min(1)
    .default("127.0.0.1")
    .refine(isLoopback, "must be a loopback address: all scripts share one process"),
  CLOUDFLARE_LOCAL_PORT: z.coerce.number().int().min(0).max(65535).default(8792).describe("a port; 0 picks a free one"),
  CLOUDFLARE_LOCAL_WORKERS_PORT: z.coerce.number().int().min(0).max(65535).default(8793).describe("a port; 0 picks a free one"),
  CLOUDFLARE_LOCAL_REQUESTS_PER_FIVE_MINUTES: z.coerce.number().int().min(1).default(1200).describe("a whole number from 1"),
  CLOUDFLARE_ACCOUNT_ID: z
    .string()
    .regex(/^[0-9a-f]{32}$/, "must be 32 hexadecimal digits")
    .default("0".repeat(32)),
  CLOUDFLARE_API_TOKEN: z.string().min(16).describe("at least 16 characters, of your own choice: who knows it may run code here"),
  LOG_LEVEL: z.enum(["trace", "debug", "info", "warn", "error", "silent"]).default("info"),
});

/** Longest path of a unix socket is 107 bytes. */
const MAX_FOLDER_BYTES = 90;

export type LocalConfig = ReturnType<typeof readConfig>;

/** @throws ConfigurationError naming the variable and what it should be. */
export function readConfig(environment: NodeJS.ProcessEnv = process.env) {
  const read = parseEnvironment(environmentSchema, environment);
  const dataDir = resolve(read.WHS_DATA_DIR);
  const folder = resolve(dataDir, "cloudflare-local");
  requireSocketRoom("WHS_DATA_DIR", folder, MAX_FOLDER_BYTES);
  return {
    folder,
    masterKeyFile: resolve(read.WHS_MASTER_KEY_FILE ?? resolve(folder, "master.key")),
    host: read.CLOUDFLARE_LOCAL_HOST,
    port: read.CLOUDFLARE_LOCAL_PORT,
    workersPort: read.CLOUDFLARE_LOCAL_WORKERS_PORT,
    requestsPerFiveMinutes: read.CLOUDFLARE_LOCAL_REQUESTS_PER_FIVE_MINUTES,
    accountId: read.CLOUDFLARE_ACCOUNT_ID,
    apiToken: read.CLOUDFLARE_API_TOKEN,
    logLevel: read.LOG_LEVEL,
  };
}
