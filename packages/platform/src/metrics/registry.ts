import { collectDefaultMetrics, Registry } from "prom-client";

/** Metrics of one server, those of its process included: memory, CPU, event loop lag, garbage collection. */
export function createRegistry(service: string): Registry {
  const registry = new Registry();
  registry.setDefaultLabels({ service });
  collectDefaultMetrics({ register: registry });
  return registry;
}
