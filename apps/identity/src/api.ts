/** `/api/auth/*` for scripts and web apps, discovery for OIDC consumers, health for operators. */
import type { FastifyInstance } from "fastify";
import type pg from "pg";
import type { IdentityConfig } from "./config.ts";
import { DEVICE_GRANT_TYPE } from "./oauth/index.ts";
import { type AuthGateway, isTrustedOrigin, sendResponse } from "./gateway.ts";

const DISCOVERY_MAX_AGE_SECONDS = 300;

export interface ApiDependencies {
  config: IdentityConfig;
  pool: pg.Pool;
  callAuth: AuthGateway;
}

export async function api(server: FastifyInstance, { config, pool, callAuth }: ApiDependencies): Promise<void> {
  // The library parses bodies itself; what is done here is the limit on their size.
  server.removeAllContentTypeParsers();
  server.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));

  server.route<{ Params: { "*": string }; Body: Buffer<ArrayBuffer> | undefined }>({
    method: ["GET", "POST"],
    url: "/api/auth/*",
    handler: async (request, reply) => {
      if (request.method !== "GET" && !isTrustedOrigin(request, config)) {
        return reply.code(403).send({ code: "INVALID_ORIGIN", message: "Invalid origin" });
      }
      const path = request.url.slice("/api/auth".length);
      const { body, contentType } = asJson(path, request.body, request.headers["content-type"]);
      const response = await callAuth(request, {
        method: request.method,
        path,
        ...(body === undefined ? {} : { body }),
        ...(contentType === undefined ? {} : { contentType }),
      });
      return sendResponse(reply, response);
    },
  });

  server.get("/.well-known/openid-configuration", async (_request, reply) => {
    void reply.header("cache-control", `public, max-age=${DISCOVERY_MAX_AGE_SECONDS}`);
    return discoveryDocument(config);
  });

  server.get("/healthz", async () => ({ status: "ok" }));

  server.get("/readyz", async (_request, reply) => {
    try {
      await pool.query("SELECT 1");
      return { status: "ok" };
    } catch {
      // The reason is the pool's to log; callers learn only that they should wait.
      return reply.code(503).header("retry-after", "1").send({ status: "unavailable" });
    }
  });
}

/** RFC 8628 clients send forms to the token endpoint, the library wants JSON there. */
function asJson(
  path: string,
  body: Buffer<ArrayBuffer> | undefined,
  contentType: string | undefined,
): { body?: string | Uint8Array<ArrayBuffer>; contentType?: string } {
  if (path === "/device/token" && contentType?.startsWith("application/x-www-form-urlencoded") === true) {
    return { body: JSON.stringify(Object.fromEntries(new URLSearchParams(body?.toString()))), contentType: "application/json" };
  }
  return { ...(body === undefined ? {} : { body }), ...(contentType === undefined ? {} : { contentType }) };
}

function discoveryDocument({ publicUrl }: IdentityConfig): Record<string, unknown> {
  return {
    issuer: publicUrl,
    jwks_uri: `${publicUrl}/api/auth/jwks`,
    authorization_endpoint: `${publicUrl}/oauth/authorize`,
    token_endpoint: `${publicUrl}/oauth/token`,
    revocation_endpoint: `${publicUrl}/oauth/revoke`,
    device_authorization_endpoint: `${publicUrl}/api/auth/device/code`,
    grant_types_supported: ["authorization_code", "refresh_token", DEVICE_GRANT_TYPE],
    response_types_supported: ["code"],
    code_challenge_methods_supported: ["S256"],
    authorization_response_iss_parameter_supported: true,
    prompt_values_supported: ["none", "create"],
    scopes_supported: ["openid", "profile", "email"],
    subject_types_supported: ["public"],
    id_token_signing_alg_values_supported: ["ES256"],
    token_endpoint_auth_methods_supported: ["none"],
    claims_supported: ["sub", "iss", "aud", "exp", "iat", "email", "email_verified", "name"],
  };
}
