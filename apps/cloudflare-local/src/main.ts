/** Starts a server that speaks the part of Cloudflare's API that this project uses, and runs what is uploaded on workerd. */
import { createLogger } from "@whs/platform/log";
import { onShutdown, reportReady, startProcess } from "@whs/platform/process";
import { readConfig } from "./config.ts";
import { openLocalCloudflare } from "./local-cloudflare.ts";

await startProcess(async () => {
  const config = readConfig();
  const log = createLogger({ name: "cloudflare-local", level: config.logLevel });
  const cloudflare = await openLocalCloudflare(config, log);
  onShutdown(() => cloudflare.close());
  reportReady({
    url: cloudflare.apiUrl,
    notes: [`CLOUDFLARE_BASE_URL=${cloudflare.apiUrl}`, `CLOUDFLARE_DISPATCH_URL=${cloudflare.workersUrl}`],
  });
});
