import { join, resolve } from "node:path";
import { listSchema, parseEnvironment, reportedVersionsSchema, requireSocketRoom, wholeSchema } from "@whs/platform/config";
import { logLevels } from "@whs/platform/log";
import { z } from "zod";

const environmentSchema = z.object({
  AGENTCORE_LOCAL_HOST: z.string().default("127.0.0.1").describe("an address to listen on"),
  AGENTCORE_PORT: wholeSchema(0, 65_535).default(8790).describe("a port number, 0 for a free one"),
  AGENTCORE_LOCAL_ACCESS_KEY_ID: z
    .string()
    .regex(/^[\w-]{8,128}$/, "must be 8 to 128 letters, digits, _ or -")
    .describe("the access key id that callers sign with"),
  AGENTCORE_LOCAL_SECRET_ACCESS_KEY: z.string().min(16).describe("the secret access key that callers sign with, at least 16 characters"),
  AGENTCORE_LOCAL_REGION: z
    .string()
    .regex(/^[a-z]{2}(-[a-z]+)+-\d$/, "must look like us-east-1")
    .default("us-east-1")
    .describe("the region that callers sign for, such as us-east-1"),
  WHS_DATA_DIR: z.string().default(".whs").describe("a directory; this service's part is in its agentcore/"),
  WHS_RUN_DIR: z.string().optional().describe("a directory for sockets, at most 70 bytes long; default: run/ in WHS_DATA_DIR"),
  LOG_LEVEL: z
    .enum(logLevels)
    .default("info")
    .describe(`one of ${logLevels.join(", ")}`),
  AGENTCORE_LOCAL_SANDBOX: z
    .enum(["auto", "bubblewrap", "docker", "podman", "none"])
    .default("auto")
    .describe("auto, bubblewrap, docker or podman (refuse to start without it), or none"),
  DOCKER_HOST: z.string().optional().describe("where Docker's daemon listens"),
  HOME: z.string().optional(),
  XDG_RUNTIME_DIR: z.string().optional(),
  AGENTCORE_LOCAL_MEMORY_MB: wholeSchema(128, 1_048_576).default(1024).describe("megabytes that one session may use, from 128"),
  AGENTCORE_LOCAL_MAX_PROCESSES: wholeSchema(32, 100_000).default(256).describe("threads of one session, from 32"),
  AGENTCORE_LOCAL_MAX_FILES: wholeSchema(256, 1_048_576).default(4096).describe("open files of one process of a session, from 256"),
  AGENTCORE_LOCAL_MAX_SESSIONS: wholeSchema(1, 10_000).default(64).describe("sessions of runtimes that run at once, from 1"),
  AGENTCORE_LOCAL_MAX_TOOL_SESSIONS: wholeSchema(1, 10_000)
    .default(16)
    .describe("code interpreter and browser sessions at once, each, from 1"),
  AGENTCORE_LOCAL_MAX_RUNTIMES: wholeSchema(1, 100_000).default(1000).describe("runtimes, from 1; 1000 on AWS"),
  AGENTCORE_LOCAL_MAX_ENDPOINTS: wholeSchema(1, 100_000).default(10).describe("endpoints of one runtime, from 1; 10 on AWS"),
  AGENTCORE_LOCAL_START_SECONDS: wholeSchema(1, 600)
    .default(60)
    .describe("seconds in which a container must answer its first ping, 1 to 600"),
  AGENTCORE_LOCAL_REGISTRY_MB: wholeSchema(16, 1_048_576).default(20_480).describe("megabytes that pushed images may take, from 16"),
  WHS_REPORTED_VERSIONS: reportedVersionsSchema,
  WHS_CELL_EGRESS_ALLOW: listSchema
    .default([])
    .describe("comma-separated host:port of private addresses that agents may reach nevertheless"),
  WHS_CELL_EGRESS_RULES_FILE: z.string().optional().describe("a JSON file with the hosts that an agent may reach"),
});

/** A unix socket's path has at most 107 bytes; `/agentcore/<12 of the session>/ingress.sock` comes behind the run directory. */
const MAX_RUN_DIR_BYTES = 70;

export type Config = ReturnType<typeof readConfig>;

/** @throws ConfigurationError naming the variable and what it should be. */
export function readConfig(environment: NodeJS.ProcessEnv = process.env) {
  const values = parseEnvironment(environmentSchema, environment);
  const dataDir = resolve(values.WHS_DATA_DIR);
  const runDir = resolve(values.WHS_RUN_DIR ?? join(dataDir, "run"));
  requireSocketRoom("WHS_RUN_DIR", runDir, MAX_RUN_DIR_BYTES);
  return {
    host: values.AGENTCORE_LOCAL_HOST,
    port: values.AGENTCORE_PORT,
    credentials: { accessKeyId: values.AGENTCORE_LOCAL_ACCESS_KEY_ID, secretAccessKey: values.AGENTCORE_LOCAL_SECRET_ACCESS_KEY },
    region: values.AGENTCORE_LOCAL_REGION,
    folder: join(dataDir, "agentcore"),
    runDir: join(runDir, "agentcore"),
    logLevel: values.LOG_LEVEL,
    sandbox: {
      mode: values.AGENTCORE_LOCAL_SANDBOX,
      engineEnvironment: present({ DOCKER_HOST: values.DOCKER_HOST, HOME: values.HOME, XDG_RUNTIME_DIR: values.XDG_RUNTIME_DIR }),
      memoryMb: values.AGENTCORE_LOCAL_MEMORY_MB,
      maxProcesses: values.AGENTCORE_LOCAL_MAX_PROCESSES,
      maxFiles: values.AGENTCORE_LOCAL_MAX_FILES,
    },
    quotas: {
      sessions: values.AGENTCORE_LOCAL_MAX_SESSIONS,
      toolSessions: values.AGENTCORE_LOCAL_MAX_TOOL_SESSIONS,
      runtimes: values.AGENTCORE_LOCAL_MAX_RUNTIMES,
      endpoints: values.AGENTCORE_LOCAL_MAX_ENDPOINTS,
    },
    startMs: values.AGENTCORE_LOCAL_START_SECONDS * 1000,
    registryBytes: values.AGENTCORE_LOCAL_REGISTRY_MB * 1024 * 1024,
    reportedVersion: values.WHS_REPORTED_VERSIONS.agentcore,
    egress: { allow: values.WHS_CELL_EGRESS_ALLOW, rulesFile: values.WHS_CELL_EGRESS_RULES_FILE },
  };
}

function present(values: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
}
