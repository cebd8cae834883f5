/** The real local AgentCore service as a process of its own, for control planes that run agents on it. */
import { type ServerProcess, startServer } from "@whs/platform/testing";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";

export interface AgentcoreService {
  /** What a control plane has to know of it. */
  environment: Record<string, string>;
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Starts it again on the same data and port. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

const entry = path.resolve(import.meta.dirname, "../../agentcore-local/src/main.ts");

/** @param environment further variables of the service. */
export async function startAgentcore(environment: Record<string, string> = {}): Promise<AgentcoreService> {
  const dataDir = await mkdtemp(path.join(tmpdir(), "whs-ac-"));
  const credentials = {
    AGENTCORE_LOCAL_ACCESS_KEY_ID: randomBytes(16).toString("hex"),
    AGENTCORE_LOCAL_SECRET_ACCESS_KEY: randomBytes(32).toString("hex"),
  };
  const start = (port: string): Promise<ServerProcess> =>
    startServer({ entry, environment: { WHS_DATA_DIR: dataDir, AGENTCORE_PORT: port, LOG_LEVEL: "warn", ...credentials, ...environment } });
  let server = await start("0");
  const { url } = server.ready;
  const kill = async (signal: NodeJS.Signals): Promise<void> => void (await server.stop(signal));
  return {
    environment: {
      AGENTCORE_URL: url,
      ...credentials,
      // What all images stand on takes seconds to make, and is the same for everybody on this machine.
      AGENTCORE_CACHE_DIR: path.resolve(import.meta.dirname, "../../../node_modules/.cache/whs-agentcore"),
    },
    kill,
    async restart() {
      server = await start(new URL(url).port);
    },
    async close() {
      await kill("SIGTERM");
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
