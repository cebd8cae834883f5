import type { FastifyInstance } from "fastify";
import type { ServerResponse } from "node:http";
import { Counter, Gauge, Histogram, type Registry } from "prom-client";

const methods = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);

/**
 * Counts requests by route template and status, and measures how long they take. Labels come from closed sets: whatever
 * matches no route is one route, and an unknown method is one method. Call before routes are bound.
 */
export function observeHttp(server: FastifyInstance, registry: Registry): void {
  const observe = createHttpObserver(registry);
  server.addHook("onRequest", (request, reply, done) => {
    observe(request.method, reply.raw, () => request.routeOptions.url);
    done();
  });
}

/** Call it when a request's headers are there. @param routeOf is asked at the end; undefined for what no route matches */
export type ObserveRequest = (method: string | undefined, response: ServerResponse, routeOf: () => string | undefined) => void;

/** The same for servers without Fastify. Its routes must come from a closed set too. */
export function createHttpObserver(registry: Registry): ObserveRequest {
  const duration = new Histogram({
    name: "http_request_duration_seconds",
    help: "Time from a request's headers to the end of its answer.",
    labelNames: ["method", "route"],
    buckets: [0.005, 0.025, 0.1, 0.5, 2.5, 10, 60],
    registers: [registry],
  });
  const counts = new RequestCounts(registry);
  return (asked = "other", response, routeOf) => {
    const startedAt = performance.now();
    counts.inFlight += 1;
    response.once("close", () => {
      counts.inFlight -= 1;
      const method = methods.has(asked) ? asked : "other";
      const route = routeOf() ?? "unknown";
      counts.add(method, route, response.writableFinished ? response.statusCode : callerLeft);
      duration.observe({ method, route }, (performance.now() - startedAt) / 1000);
    });
  };
}

/** Status of an answer that its caller did not wait for. */
const callerLeft = 499;

/** Plain numbers, which become metrics only when these are read: every request comes by here. */
class RequestCounts {
  inFlight = 0;
  private readonly byKey = new Map<string, { labels: Record<"method" | "route" | "status", string>; unseen: number }>();

  constructor(registry: Registry) {
    const requests: Counter<"method" | "route" | "status"> = new Counter({
      name: "http_requests_total",
      help: `Requests answered, by route template and status; ${callerLeft} is a caller that left before the answer was complete.`,
      labelNames: ["method", "route", "status"],
      registers: [registry],
      collect: () => {
        for (const entry of this.byKey.values()) {
          requests.inc(entry.labels, entry.unseen);
          entry.unseen = 0;
        }
      },
    });
    const running: Gauge = new Gauge({
      name: "http_requests_in_flight",
      help: "Requests that are being answered.",
      registers: [registry],
      collect: () => running.set(this.inFlight),
    });
  }

  add(method: string, route: string, status: number): void {
    const key = `${method} ${status} ${route}`;
    const entry = this.byKey.get(key);
    if (entry !== undefined) entry.unseen += 1;
    else this.byKey.set(key, { labels: { method, route, status: String(status) }, unseen: 1 });
  }
}
