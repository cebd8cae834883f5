export { Counter, Gauge, Histogram, Registry } from "prom-client";
export { createHttpObserver, observeHttp, type ObserveRequest } from "./http.ts";
export { observePool, type PoolFigures } from "./pool.ts";
export { createRegistry } from "./registry.ts";
export { serveMetrics, type MetricsServer } from "./server.ts";
