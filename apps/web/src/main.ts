/** Starts the web app: builds it when its sources changed, then serves it. */
import { createLogger } from "@whs/platform/log";
import { createRegistry, serveMetrics } from "@whs/platform/metrics";
import { onShutdown, reportReady } from "@whs/platform/process";
import { ensureBuilt } from "./build.ts";
import { readConfig } from "./config.ts";
import { createWebServer } from "./http/server.ts";

const config = readConfig();
const log = createLogger({ name: "web", level: config.logLevel });
const build = await ensureBuilt(log);
const registry = createRegistry("web");
const metrics = await serveMetrics(registry, config.metrics);
onShutdown(() => metrics.close());
const web = await createWebServer({ config, log, build, registry });
onShutdown(() => web.close());
const url = await web.listen();
log.info({ url, publicUrl: config.origin, metricsUrl: metrics.url }, "The web app accepts requests");
reportReady({ url });
