import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import type { TestControlPlane } from "./harness.ts";

export interface GatewayProcess {
  url: string;
  metricsUrl: string | undefined;
  child: ChildProcess;
  /** Sends the signal and waits for the end. @returns exit code, or null after a kill. */
  stop(signal: NodeJS.Signals): Promise<number | null>;
}

/** Another process of the control plane on the same database and data plane. */
export async function startGatewayProcess(plane: TestControlPlane, environment: Record<string, string> = {}): Promise<GatewayProcess> {
  const child = spawn(process.execPath, [path.resolve(import.meta.dirname, "../src/main.ts")], {
    env: {
      PATH: process.env["PATH"],
      DATABASE_URL: plane.config.databaseUrl,
      OIDC_ISSUER: plane.issuer.url,
      WHS_DATA_DIR: plane.config.dataDir,
      WHS_PORT: "0",
      METRICS_PORT: "0",
      LOG_LEVEL: "error",
      ...environment,
    },
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const [message] = (await Promise.race([
    once(child, "message"),
    once(child, "exit").then(([code]) => Promise.reject(new Error(`The gateway ended with ${code}`))),
  ])) as [{ url: string; metricsUrl?: string }];
  return {
    url: message.url,
    metricsUrl: message.metricsUrl,
    child,
    async stop(signal) {
      if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
      const gone = once(child, "exit");
      child.kill(signal);
      await gone;
      return child.exitCode;
    },
  };
}
