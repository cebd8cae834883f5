import { Gauge, type Registry } from "prom-client";

/** What a connection pool says of itself. */
export interface PoolFigures {
  totalCount: number;
  idleCount: number;
  waitingCount: number;
}

/** Shows how a database pool is used, looked at when metrics are read. */
export function observePool(registry: Registry, pool: PoolFigures): void {
  const connections = new Gauge({
    name: "db_pool_connections",
    help: "Database connections by state; waiting are callers without one.",
    labelNames: ["state"],
    registers: [registry],
    collect() {
      connections.set({ state: "busy" }, pool.totalCount - pool.idleCount);
      connections.set({ state: "idle" }, pool.idleCount);
      connections.set({ state: "waiting" }, pool.waitingCount);
    },
  });
}
