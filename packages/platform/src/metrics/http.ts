import type { FastifyInstance, FastifyRequest } from "fastify";
import { Counter, Gauge, Histogram, type Registry } from "prom-client";

const methods = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);

/**
 * Counts requests by route template and status, and measures how long they take. Labels come from closed sets: whatever
 * matches no route is one route, and an unknown method is one method. Call before routes are bound.
 */
export function observeHttp(server: FastifyInstance, registry: Registry): void {
  const requests = new Counter({
    name: "http_requests_total",
    help: "Requests answered, by route template and status; 499 is a caller that left before the answer was complete.",
    labelNames: ["method", "route", "status"],
    registers: [registry],
  });
  const duration = new Histogram({
    name: "http_request_duration_seconds",
    help: "Time from a request's headers to the end of its answer.",
    labelNames: ["method", "route"],
    buckets: [0.005, 0.025, 0.1, 0.5, 2.5, 10, 60],
    registers: [registry],
  });
  const running = new Gauge({ name: "http_requests_in_flight", help: "Requests that are being answered.", registers: [registry] });
  let inFlight = 0;
  running.set(0);
  server.addHook("onRequest", (request, reply, done) => {
    const startedAt = performance.now();
    running.set((inFlight += 1));
    reply.raw.once("close", () => {
      running.set((inFlight -= 1));
      const labels = { method: methodOf(request), route: request.routeOptions.url ?? "unknown" };
      requests.inc({ ...labels, status: reply.raw.writableFinished ? reply.raw.statusCode : 499 });
      duration.observe(labels, (performance.now() - startedAt) / 1000);
    });
    done();
  });
}

function methodOf(request: FastifyRequest): string {
  return methods.has(request.method) ? request.method : "other";
}
