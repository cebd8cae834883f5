import { createLogger } from "@whs/platform/log";
import { onShutdown, reportReady, startProcess } from "@whs/platform/process";
import { readConfig } from "./config.ts";
import { openService } from "./service.ts";

await startProcess(async () => {
  const config = readConfig();
  const logger = createLogger({ name: "agentcore-local", level: config.logLevel });
  const service = await openService(config, logger);
  for (const note of service.notes) logger.info(note);
  onShutdown(() => service.close());
  reportReady({ url: service.url, notes: service.notes });
});
