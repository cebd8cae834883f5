import { createLogger } from "@whs/platform/log";
import { migrate } from "@whs/platform/db";
import { onShutdown, reportReady, startProcess } from "@whs/platform/process";
import path from "node:path";
import { createApp } from "./app.ts";
import { readConfig } from "./config.ts";

await startProcess(async () => {
  const config = readConfig();
  const log = createLogger({ name: "control-plane", level: config.logLevel });
  await migrate(config.databaseUrl, "whs", path.resolve(import.meta.dirname, "../migrations"));
  const app = await createApp(config, log);
  onShutdown(() => app.close());
  const url = await app.server.listen({ host: config.host, port: config.port });
  log.info({ url }, "The control plane accepts requests");
  reportReady({ url, metricsUrl: app.metricsUrl });
});
