import { openApiDocument, protocolEndpoints, whsApiInfo, whsEndpoints } from "@whs/api";
import scalar from "@scalar/fastify-api-reference";
import type { FastifyInstance } from "fastify";

interface Options {
  oidcIssuer: string;
  publicUrl: string | undefined;
  readiness: () => Promise<{ ready: boolean; checks: Record<string, string> }>;
}

/** What a credential is for: all of the service, or one of its doors for agents and their clients. */
const resources = ["", "/mcp"] as const;

/** What the service says of itself: its API, who signs people in, and how it is. No credential is needed. */
export function bindDescription(server: FastifyInstance, options: Options): { method: "GET"; path: `/${string}` }[] {
  const openApi = JSON.stringify(openApiDocument({ ...whsEndpoints, ...protocolEndpoints }, whsApiInfo));
  server.get("/openapi.json", (_request, reply) =>
    reply.type("application/json; charset=utf-8").header("cache-control", "public, max-age=300").send(openApi),
  );
  void server.register(scalar, { routePrefix: "/docs", configuration: { url: "/openapi.json", title: whsApiInfo.title } });
  // Where a client finds the identity service: RFC 9728. The path of a resource comes after the document's own.
  for (const path of resources) {
    server.get(`/.well-known/oauth-protected-resource${path}`, (request) => ({
      resource: `${(options.publicUrl ?? `${request.protocol}://${request.host}`).replace(/\/$/, "")}${path}`,
      authorization_servers: [options.oidcIssuer],
      bearer_methods_supported: ["header"],
      traceId: request.traceId,
    }));
  }
  server.get("/healthz", (request) => ({ ok: true, traceId: request.traceId }));
  server.get("/readyz", async (request, reply) => {
    const { ready, checks } = await options.readiness();
    reply.code(ready ? 200 : 503);
    if (!ready) {
      reply.header("retry-after", "1");
      return {
        error: {
          code: "UNAVAILABLE",
          message: "Not ready.",
          details: { failing: Object.keys(checks).filter((name) => checks[name] !== "ok") },
          retryable: true,
        },
        traceId: request.traceId,
      };
    }
    return { ok: true, traceId: request.traceId };
  });
  return [
    { method: "GET", path: "/openapi.json" },
    ...resources.map((path) => ({ method: "GET" as const, path: `/.well-known/oauth-protected-resource${path}` as const })),
    { method: "GET", path: "/healthz" },
    { method: "GET", path: "/readyz" },
    { method: "GET", path: "/docs" },
  ];
}
