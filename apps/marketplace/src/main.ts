import { migrate } from "@whs/platform/db";
import { createLogger } from "@whs/platform/log";
import { onShutdown, reportReady, startProcess } from "@whs/platform/process";
import path from "node:path";
import { createApp } from "./app.ts";
import { readConfig } from "./config.ts";

await startProcess(async () => {
  const config = readConfig();
  const log = createLogger({ name: "marketplace", level: config.logLevel });
  await migrate(config.databaseUrl, "fleetprompt", path.resolve(import.meta.dirname, "../migrations"));
  const app = await createApp(config, log);
  onShutdown(() => app.close());
  const url = await app.server.listen({ host: config.host, port: config.port });
  log.info({ url, metricsUrl: app.metricsUrl }, "The marketplace accepts requests");
  reportReady({ url });
});
