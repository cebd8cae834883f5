import { fleetprompt } from "@whs/api";
import scalar from "@scalar/fastify-api-reference";
import { AppError } from "@whs/platform/errors";
import type { FastifyInstance } from "fastify";

const version = "1.0.0";

/** What the service says of itself: its API and how it is. No credential is needed. */
export function bindDescription(
  server: FastifyInstance,
  readiness: () => Promise<{ ready: boolean; failing: string[] }>,
): { method: "GET"; path: `/${string}` }[] {
  const openApi = JSON.stringify(fleetprompt.describeFleetPrompt());
  server.get("/openapi.json", (_request, reply) =>
    reply.type("application/json; charset=utf-8").header("cache-control", "public, max-age=300").send(openApi),
  );
  void server.register(scalar, { routePrefix: "/docs", configuration: { url: "/openapi.json", title: "FleetPrompt" } });
  server.get("/healthz", (request) => ({ ok: true, version, requestId: request.traceId }));
  server.get("/readyz", async (request, reply) => {
    const { ready, failing } = await readiness();
    if (!ready)
      throw new AppError("UNAVAILABLE", "Not ready.", { details: { hint: `not reached: ${failing.join(", ")}` }, retryAfterSeconds: 1 });
    return reply.send({ ok: true, requestId: request.traceId });
  });
  return [
    { method: "GET", path: "/openapi.json" },
    { method: "GET", path: "/docs" },
    { method: "GET", path: "/healthz" },
    { method: "GET", path: "/readyz" },
  ];
}
