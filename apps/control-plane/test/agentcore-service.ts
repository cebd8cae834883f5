/** The real local AgentCore service as a process of its own, for control planes that run agents on it. */
import { isReadyMessage } from "@whs/platform/process";
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
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
  const spawnOne = async (port: string): Promise<{ child: ChildProcess; url: string }> => {
    const child = spawn(process.execPath, [entry], {
      env: { PATH: process.env["PATH"], WHS_DATA_DIR: dataDir, AGENTCORE_PORT: port, LOG_LEVEL: "warn", ...credentials, ...environment },
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    const [message] = (await Promise.race([
      once(child, "message"),
      once(child, "exit").then(([code]) => Promise.reject(new Error(`The AgentCore service ended with ${code}`))),
    ])) as [unknown];
    if (!isReadyMessage(message)) throw new Error("The AgentCore service does not say where it is");
    return { child, url: message.url };
  };
  let { child, url } = await spawnOne("0");
  const kill = async (signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill(signal);
    await gone;
  };
  return {
    environment: {
      AGENTCORE_URL: url,
      ...credentials,
      // What all images stand on takes seconds to make, and is the same for everybody on this machine.
      AGENTCORE_CACHE_DIR: path.resolve(import.meta.dirname, "../../../node_modules/.cache/whs-agentcore"),
    },
    kill,
    async restart() {
      ({ child, url } = await spawnOne(new URL(url).port));
    },
    async close() {
      await kill("SIGTERM");
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
