import { createLogger } from "@whs/platform/log";
import { onShutdown, reportReady, startProcess } from "@whs/platform/process";
import { readConfig } from "./config.ts";
import { openSupervisor } from "./supervisor.ts";

await startProcess(async () => {
  const config = readConfig();
  const logger = createLogger({ name: "supervisor", level: config.logLevel });
  const supervisor = await openSupervisor(config, logger);
  for (const note of supervisor.notes) logger.info(note);
  onShutdown(() => supervisor.close());
  reportReady({ url: `unix:${supervisor.socketPath}`, notes: supervisor.notes });
});
