import type { FastifyInstance } from "fastify";

const exposedHeaders = [
  "X-Trace-Id",
  "X-Request-Id",
  "Idempotency-Replayed",
  "Retry-After",
  "RateLimit-Limit",
  "RateLimit-Remaining",
  "RateLimit-Reset",
  "Whs-Redeploy-Required",
  "X-WHS-Session-Id",
].join(", ");
/** Clients of open protocols send headers of their own; the star covers all but `Authorization`, where no cookies are allowed. */
const allowedHeaders = "Authorization, Content-Type, Idempotency-Key, X-Trace-Id, X-Request-Id, Last-Event-ID, Content-Digest, *";
const allowedMethods = "GET, POST, PATCH, DELETE";
const preflightMaxAgeSeconds = "600";

/** Lets browsers call from these origins (WHATWG Fetch, "CORS protocol"). Credentials are bearer tokens, so cookies are never allowed. */
export function addCors(server: FastifyInstance, origins: readonly string[], serversOnly?: string): void {
  if (origins.length === 0) return;
  server.addHook("onRequest", async (request, reply) => {
    if (serversOnly !== undefined && request.url.startsWith(serversOnly)) return;
    reply.header("vary", "Origin");
    const { origin } = request.headers;
    if (origin === undefined || !origins.includes(origin)) return;
    reply.header("access-control-allow-origin", origin).header("access-control-expose-headers", exposedHeaders);
    if (request.method !== "OPTIONS" || request.headers["access-control-request-method"] === undefined) return;
    reply
      .header("access-control-allow-methods", allowedMethods)
      .header("access-control-allow-headers", allowedHeaders)
      .header("access-control-max-age", preflightMaxAgeSeconds);
    await reply.code(204).send();
  });
}
