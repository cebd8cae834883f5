import { type ServerProcess, startServer } from "@whs/platform/testing";
import path from "node:path";
import type { TestControlPlane } from "./harness.ts";

export interface GatewayProcess extends Pick<ServerProcess, "stop"> {
  url: string;
  metricsUrl: string | undefined;
}

/** Another process of the control plane on the same database and data plane. */
export async function startGatewayProcess(plane: TestControlPlane, environment: Record<string, string> = {}): Promise<GatewayProcess> {
  const server = await startServer({
    entry: path.resolve(import.meta.dirname, "../src/main.ts"),
    environment: {
      DATABASE_URL: plane.config.databaseUrl,
      OIDC_ISSUER: plane.issuer.url,
      WHS_DATA_DIR: plane.config.dataDir,
      WHS_PORT: "0",
      METRICS_PORT: "0",
      LOG_LEVEL: "error",
      WHS_MAX_EVENT_LOOP_DELAY_MS: "60000",
      ...environment,
    },
  });
  return { url: server.ready.url, metricsUrl: server.ready.metricsUrl, stop: (signal) => server.stop(signal) };
}
