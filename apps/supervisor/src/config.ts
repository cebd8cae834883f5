import { isIP } from "node:net";
import { join, resolve } from "node:path";
import { listSchema, parseEnvironment, reportedVersionsSchema, requireSocketRoom, wholeSchema } from "@whs/platform/config";
import { z } from "zod";

const isServer = (server: string) =>
  isIP(server) !== 0 || isIP(/^(?:\[(.+)\]|([^:]+)):\d{1,5}$/.exec(server)?.slice(1).join("") ?? "") !== 0;

const environmentSchema = z.object({
  WHS_DATA_DIR: z.string().default(".whs").describe("a directory; the data plane's part is in its dataplane/"),
  WHS_RUN_DIR: z.string().optional().describe("a directory for sockets, at most 80 bytes long; default: run/ in WHS_DATA_DIR"),
  WHS_NODE: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,31}$/)
    .optional()
    .describe("this node's name, of a-z 0-9 -, where several supervisors share a storage directory"),
  WHS_STORAGE_DIR: z.string().min(1).optional().describe("a directory for deployments and sessions; default: dataplane/ in WHS_DATA_DIR"),
  WHS_API_URL: z.url({ protocol: /^https?$/ }).describe("the control plane's URL, such as http://127.0.0.1:8787"),
  SECRETS_URL: z.string().default("local:").describe("the secret store's URL"),
  WHS_SECRETS_TOKEN_FILE: z.string().min(1).optional().describe("a file with the secret store's token"),
  WHS_ALLOW_HTTP: z
    .enum(["0", "1"])
    .default("0")
    .transform((value) => value === "1")
    .describe("0 or 1"),
  WHS_MASTER_KEY_FILE: z.string().optional().describe("a file; default: master.key in WHS_DATA_DIR"),
  LOG_LEVEL: z.enum(["trace", "debug", "info", "warn", "error", "fatal", "silent"]).default("info").describe("a pino level"),
  WHS_CELL_SANDBOX: z
    .enum(["auto", "bubblewrap", "none"])
    .default("auto")
    .describe("auto, bubblewrap (refuse to start without it) or none"),
  WHS_CELL_MEMORY_MB: wholeSchema(128, 1_048_576).default(512).describe("megabytes that one tenant's process may use, from 128"),
  WHS_CELL_HEAP_MB: wholeSchema(32, 1_048_576).default(128).describe("megabytes of JavaScript heap for one isolate, from 32"),
  WHS_CELL_MAX_RUNNING: wholeSchema(1, 100_000).default(200).describe("tenants' processes at once, from 1"),
  WHS_CELL_MAX_INVOCATIONS: wholeSchema(1, 10_000).default(2000).describe("invocations at once in one tenant's process, 1 to 10000"),
  WHS_CELL_MAX_FILES: wholeSchema(256, 1_048_576).default(16_384).describe("open files of one tenant's process, from 256"),
  WHS_CELL_MAX_PROCESSES: wholeSchema(16, 100_000).default(128).describe("threads of one tenant's process, from 16"),
  WHS_CELL_CPU_PERCENT: wholeSchema(10, 100_000).default(200).describe("percent of one processor that a tenant's process may use, from 10"),
  WHS_CELL_MAX_LOADS: wholeSchema(10, 100_000).default(200).describe("versions loaded before a tenant's process is recycled, from 10"),
  WHS_CELL_STORAGE_MB: wholeSchema(1, 100_000_000)
    .default(1024)
    .describe("megabytes that one tenant's sessions may take on the disk, from 1"),
  WHS_CELL_IDLE_SECONDS: wholeSchema(1, 86_400)
    .default(600)
    .describe("seconds without invocations after which a process stops, 1 to 86400"),
  WHS_CELL_HEARTBEAT_MS: wholeSchema(50, 60_000).default(500).describe("milliseconds between heartbeats, 50 to 60000"),
  WHS_CELL_HEARTBEAT_CPU_MS: wholeSchema(100, 600_000)
    .default(1500)
    .describe("milliseconds of computing without an answer to a heartbeat, from 100"),
  WHS_CELL_HEARTBEAT_WALL_MS: wholeSchema(100, 600_000).default(15_000).describe("milliseconds without an answer to a heartbeat, from 100"),
  WHS_CELL_EGRESS_ALLOW: listSchema
    .default([])
    .describe("comma-separated host:port of private addresses that agents may reach nevertheless"),
  WHS_CELL_EGRESS_RULES_FILE: z
    .string()
    .optional()
    .describe('a JSON file { "agents": { "<agentId>": ["api.example.com", "*.example.org"] } }'),
  WHS_CELL_EGRESS_DNS: listSchema
    .refine((servers) => servers.every(isServer))
    .default([])
    .describe("comma-separated addresses of DNS servers for the names that agents use, with :port if it is not 53"),
  WHS_CELL_LOG_LINES_PER_SECOND: wholeSchema(1, 100_000)
    .default(200)
    .describe("log lines a second of one deployment that are kept, from 1"),
  WHS_TELEMETRY_JOURNAL_MB: wholeSchema(1, 1_048_576)
    .default(256)
    .describe("megabytes of events kept while the control plane is away, from 1"),
  WHS_REPORTED_VERSIONS: reportedVersionsSchema,
  WHS_PRICE_MILLION_REQUESTS: z.coerce.number().min(0).default(0.3).describe("US dollars"),
  WHS_PRICE_MILLION_COMPUTE_MS: z.coerce.number().min(0).default(0.02).describe("US dollars"),
  WHS_PRICE_MILLION_TOKENS: z.coerce.number().min(0).default(0).describe("US dollars"),
});

/** A unix socket's path has at most 107 bytes; `/<12 of the tenant>/control.sock` comes behind the run directory. */
const MAX_RUN_DIR_BYTES = 80;

export type SupervisorConfig = ReturnType<typeof readConfig>;

/** @throws ConfigurationError naming the variable and what it should be. */
export function readConfig(environment: NodeJS.ProcessEnv = process.env) {
  const values = parseEnvironment(environmentSchema, environment);
  const dataDir = resolve(values.WHS_DATA_DIR);
  const runRoot = resolve(values.WHS_RUN_DIR ?? join(dataDir, "run"));
  const runDir = values.WHS_NODE === undefined ? runRoot : join(runRoot, values.WHS_NODE);
  const storageDir = resolve(values.WHS_STORAGE_DIR ?? join(dataDir, "dataplane"));
  requireSocketRoom("WHS_RUN_DIR", runDir, MAX_RUN_DIR_BYTES);
  return {
    dataDir,
    runDir,
    /** Several nodes that share the storage have names; one that has it for itself has none. */
    node: values.WHS_NODE ?? null,
    storageDir,
    /** What is this node's alone. */
    nodeDir: values.WHS_NODE === undefined ? storageDir : join(storageDir, "nodes", values.WHS_NODE),
    socketPath: join(runDir, "supervisor.sock"),
    apiUrl: values.WHS_API_URL.replace(/\/$/, ""),
    secrets: {
      url: values.SECRETS_URL,
      dataDir,
      masterKeyFile: resolve(values.WHS_MASTER_KEY_FILE ?? join(dataDir, "master.key")),
      allowHttp: values.WHS_ALLOW_HTTP,
      ...(values.WHS_SECRETS_TOKEN_FILE === undefined ? {} : { tokenFile: resolve(values.WHS_SECRETS_TOKEN_FILE) }),
    },
    logLevel: values.LOG_LEVEL,
    cell: {
      sandbox: values.WHS_CELL_SANDBOX,
      memoryMb: values.WHS_CELL_MEMORY_MB,
      heapMb: values.WHS_CELL_HEAP_MB,
      maxRunning: values.WHS_CELL_MAX_RUNNING,
      maxInvocations: values.WHS_CELL_MAX_INVOCATIONS,
      maxFiles: values.WHS_CELL_MAX_FILES,
      maxProcesses: values.WHS_CELL_MAX_PROCESSES,
      cpuPercent: values.WHS_CELL_CPU_PERCENT,
      maxLoads: values.WHS_CELL_MAX_LOADS,
      storageBytes: values.WHS_CELL_STORAGE_MB * 1024 * 1024,
      idleMs: values.WHS_CELL_IDLE_SECONDS * 1000,
      heartbeatMs: values.WHS_CELL_HEARTBEAT_MS,
      heartbeatCpuMs: values.WHS_CELL_HEARTBEAT_CPU_MS,
      heartbeatWallMs: values.WHS_CELL_HEARTBEAT_WALL_MS,
      logLinesPerSecond: values.WHS_CELL_LOG_LINES_PER_SECOND,
    },
    egress: {
      allow: values.WHS_CELL_EGRESS_ALLOW,
      rulesFile: values.WHS_CELL_EGRESS_RULES_FILE,
      dnsServers: values.WHS_CELL_EGRESS_DNS,
    },
    reportedVersions: values.WHS_REPORTED_VERSIONS,
    journalBytes: values.WHS_TELEMETRY_JOURNAL_MB * 1024 * 1024,
    prices: {
      perMillionRequests: values.WHS_PRICE_MILLION_REQUESTS,
      perMillionComputeMs: values.WHS_PRICE_MILLION_COMPUTE_MS,
      perMillionTokens: values.WHS_PRICE_MILLION_TOKENS,
    },
  };
}
