/** Puts the identity server together. */
import { type Logger, serializeError } from "@whs/platform/log";
import Fastify, { type FastifyError, type FastifyInstance } from "fastify";
import { createAttempts } from "./attempts.ts";
import { api } from "./api.ts";
import { createAuth } from "./auth.ts";
import type { IdentityConfig } from "./config.ts";
import { openPool, prepareDatabase } from "./database.ts";
import { createAuthGateway } from "./gateway.ts";
import { createAuthorizationCodes } from "./oauth/codes.ts";
import { oauth } from "./oauth/index.ts";
import { pages } from "./pages/index.ts";

export interface IdentityApp {
  server: FastifyInstance;
  /** Stops accepting, lets running requests finish, closes the database. */
  close(): Promise<void>;
}

/** Names, addresses and passwords; nothing here is larger. */
const LARGEST_BODY_BYTES = 32 * 1024;
const PRUNE_INTERVAL_MS = 10 * 60 * 1000;

/** A form that signs someone in ends, by redirects, at the web app; browsers apply form-action to those, too. */
const contentSecurityPolicy = (webUrl: string): string =>
  `default-src 'none'; style-src 'self'; form-action 'self' ${webUrl}; base-uri 'none'; frame-ancestors 'none'`;

/** @throws when the database is not reachable or cannot be brought up to date */
export async function createIdentityApp(config: IdentityConfig, log: Logger): Promise<IdentityApp> {
  const pool = openPool(config.databaseUrl);
  pool.on("error", (error) => log.warn({ err: error }, "A database connection broke"));
  const attempts = createAttempts(pool);
  const auth = createAuth({ config, pool, attempts, log });
  await prepareDatabase(config.databaseUrl, auth.options);

  const codes = createAuthorizationCodes(pool);
  const server = createServer(config, log);
  const callAuth = createAuthGateway(auth, config);
  await server.register(api, { config, pool, callAuth });
  await server.register(oauth, { config, auth, pool, codes, callAuth });
  await server.register(pages, { config, callAuth });

  const pruning = setInterval(() => {
    Promise.all([attempts.prune(), codes.prune()]).catch((error: unknown) => log.warn({ err: error }, "Cannot prune attempts and codes"));
  }, PRUNE_INTERVAL_MS);
  pruning.unref();
  return {
    server,
    async close() {
      clearInterval(pruning);
      await server.close();
      await pool.end();
    },
  };
}

function createServer(config: IdentityConfig, log: Logger): FastifyInstance {
  const server = Fastify({
    logger: false,
    bodyLimit: LARGEST_BODY_BYTES,
    trustProxy: config.trustedProxies.length > 0 ? [...config.trustedProxies] : false,
    requestTimeout: 30_000,
    forceCloseConnections: "idle",
  });
  server.addHook("onRequest", async (_request, reply) => {
    void reply.headers({
      "content-security-policy": contentSecurityPolicy(config.webUrl),
      "x-content-type-options": "nosniff",
      // Not no-referrer, with which browsers hide the origin of our own forms, too.
      "referrer-policy": "same-origin",
      "cross-origin-opener-policy": "same-origin",
      "cache-control": "no-store",
      ...(config.publicUrl.startsWith("https:") ? { "strict-transport-security": "max-age=31536000; includeSubDomains" } : {}),
    });
  });
  server.setNotFoundHandler(async (_request, reply) => reply.code(404).send({ code: "NOT_FOUND", message: "Not found" }));
  server.setErrorHandler(async (error: FastifyError, request, reply) => {
    const status = error.statusCode ?? 500;
    if (status < 500)
      return reply.code(status).send({ code: status === 413 ? "BODY_TOO_LARGE" : "INVALID_REQUEST", message: error.message });
    log.error({ err: serializeError(error), method: request.method, path: request.url.split("?", 1)[0] }, "A request failed");
    return reply.code(500).send({ code: "INTERNAL", message: "Something went wrong on our side." });
  });
  return server;
}
