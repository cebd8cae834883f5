/** Starts the embedded identity provider. */
import { createLogger } from "@whs/platform/log";
import { onShutdown, reportReady, startProcess } from "@whs/platform/process";
import { createIdentityApp } from "./app.ts";
import { readIdentityConfig } from "./config.ts";

await startProcess(async () => {
  const config = readIdentityConfig();
  const log = createLogger({ name: "identity", level: config.logLevel });
  const app = await createIdentityApp(config, log);

  onShutdown(async (reason) => {
    log.info({ reason }, "Stopping");
    await app.close();
  });

  await app.server.listen({ host: config.host, port: config.port });
  log.info({ host: config.host, port: config.port, publicUrl: config.publicUrl }, "Ready");
  reportReady({ url: config.publicUrl });
});
