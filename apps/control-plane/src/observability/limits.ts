import type { OverloadReason } from "@whs/platform/http";
import { Counter, Gauge, type Registry } from "@whs/platform/metrics";

/** What a rate is of, and for whom. */
export const rateKinds = [
  "writes_user",
  "writes_agent",
  "writes_address",
  "uploads_user",
  "uploads_address",
  "invocations_address",
  "failures_address",
  "signatures_address",
] as const;
export type RateKind = (typeof rateKinds)[number];
type SharedStore = "rates" | "concurrency";

/** Counts what is refused before a handler sees it, and what limits go by. */
export interface LimitMetrics {
  rateRefused(kind: RateKind): void;
  shed(reason: OverloadReason): void;
  connectionDropped(): void;
  /** The store that processes share did not answer. */
  storeFailed(store: SharedStore): void;
}

export function createLimitMetrics(registry: Registry): LimitMetrics {
  const registers = [registry];
  const rates = new Counter({
    name: "whs_rate_refusals_total",
    help: "Requests refused by a rate before they were read, by what it is of and for whom.",
    labelNames: ["kind"],
    registers,
  });
  const shed = new Counter({
    name: "whs_overload_refusals_total",
    help: "Requests refused since there was too much to do, by what there was too much of.",
    labelNames: ["reason"],
    registers,
  });
  const dropped = new Counter({
    name: "whs_connections_dropped_total",
    help: "Connections closed at once since there were too many.",
    registers,
  });
  const failures = new Counter({
    name: "whs_limit_store_failures_total",
    help: "Times that the store which processes share limits through did not answer.",
    labelNames: ["store"],
    registers,
  });
  for (const kind of rateKinds) rates.inc({ kind }, 0);
  for (const reason of ["in_flight", "event_loop", "database"]) shed.inc({ reason }, 0);
  for (const store of ["rates", "concurrency"]) failures.inc({ store }, 0);
  return {
    rateRefused: (kind) => rates.inc({ kind }),
    shed: (reason) => shed.inc({ reason }),
    connectionDropped: () => dropped.inc(),
    storeFailed: (store) => failures.inc({ store }),
  };
}

/** Shows whether limits are shared or each process goes by its part, looked at when metrics are read. */
export function observeSharing(registry: Registry, degraded: Readonly<Record<SharedStore, () => boolean>>): void {
  const gauge: Gauge<"store"> = new Gauge({
    name: "whs_limits_degraded",
    help: "1 while this process goes by its part of the limits, since the store that processes share does not answer.",
    labelNames: ["store"],
    registers: [registry],
    collect() {
      for (const store of ["rates", "concurrency"] as const) gauge.set({ store }, degraded[store]() ? 1 : 0);
    },
  });
}
