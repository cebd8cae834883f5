import { type Endpoint, fleetprompt } from "@whs/api";
import { openBlobStore } from "@whs/platform/blobs";
import { openDatabase } from "@whs/platform/db";
import { answerUnknownRoutes, createBinder, createCursors, createHttpServer, type HttpRequest } from "@whs/platform/http";
import { createIdempotency } from "@whs/platform/idempotency";
import { createJwtVerifier, requireOperator } from "@whs/platform/identity";
import { openJobs } from "@whs/platform/jobs";
import type { Logger } from "@whs/platform/log";
import { createRegistry, observeHttp, observePool, serveMetrics } from "@whs/platform/metrics";
import { openRateLimits } from "@whs/platform/rate-limits";
import { openSecretStore } from "@whs/platform/secrets";
import type { FastifyInstance } from "fastify";
import type { Config } from "./config.ts";
import {
  type Context,
  type Dependencies,
  idempotencyTable,
  type PublicContext,
  systemContext,
  type SystemContext,
  userContext,
  withCompletion,
} from "./context.ts";
import type { Schema } from "./database.ts";
import { bindDescription } from "./description.ts";
import { createAuthenticate, createVerifyApiToken, refuseBrowsers, requireRole } from "./features/access/index.ts";
import { bindCatalog } from "./features/catalog/index.ts";
import { bindEcosystem } from "./features/ecosystem/index.ts";
import { bindImages, serveImages } from "./features/images/index.ts";
import { bindHandOff, bindInstalls } from "./features/installs/index.ts";
import { bindListings } from "./features/listings/index.ts";
import { bindModeration } from "./features/moderation/index.ts";
import { bindOperator } from "./features/operator/index.ts";
import { bindPublishers } from "./features/publishers/index.ts";
import { bindReleases } from "./features/releases/index.ts";
import { bindStats, createViewCounter } from "./features/stats/index.ts";
import { startJobs } from "./jobs.ts";
import { openKeys } from "./keys.ts";
import { presentation } from "./presentation.ts";
import { createTakeRequest, rateClassOf } from "./rates.ts";

export interface App {
  server: FastifyInstance;
  /** Where Prometheus finds what this process counts: on a private listener of its own. */
  metricsUrl: string;
  /** Stops accepting, finishes what runs, writes what waits, closes what is open. */
  close(): Promise<void>;
}

/** How long running requests may go on when the process stops. */
const drainMs = 5_000;

/** Puts the process together; nothing else knows how its parts are made. */
export async function createApp(config: Config, log: Logger, now: () => Date = () => new Date()): Promise<App> {
  const database = openDatabase<Schema>({ url: config.databaseUrl, applicationName: "marketplace", maxConnections: 16, log });
  const secrets = await openSecretStore({ ...config.secrets, log });
  const keys = await openKeys(secrets);
  const blobs = await openBlobStore(config.blobUrl, { allowHttp: config.allowHttp });
  const db = database.kysely;
  const limits = await openRateLimits({ redisUrl: config.redisUrl, kysely: db, table: "fleetprompt.rate_limits", log });
  const take = createTakeRequest(limits, config.rates);
  const views = createViewCounter({ db, now, log });
  const dependencies: Dependencies = { config, log, now, db, keys, cursors: createCursors(keys.cursor), blobs, views };
  const registry = createRegistry("marketplace");
  observePool(registry, database.pool);

  const server = createHttpServer({
    log,
    trustedProxies: config.trustedProxies,
    corsOrigins: config.corsOrigins,
    serversOnly: "/v1/internal/",
    presentation,
  });
  observeHttp(server, registry);
  const noKeys = { run: () => Promise.reject(new Error("These endpoints take no key of this kind")) };
  const bindForAll = createBinder<PublicContext>(server, {
    log,
    presentation,
    idempotency: noKeys,
    authenticate: async (endpoint: Endpoint, request: HttpRequest) => {
      await take(rateClassOf(endpoint), request.address);
      return { ...dependencies, requestId: request.traceId };
    },
  });
  const authenticate = createAuthenticate({
    db,
    verifyJwt: createJwtVerifier({ ...config.oidc, now }),
    verifyApiToken: createVerifyApiToken({ whsUrl: config.whsUrl, key: config.internal.keys.get("whs")?.[0], now }),
  });
  const bindForUsers = createBinder<Context>(server, {
    log,
    presentation,
    idempotency: createIdempotency<Context, Schema>({
      kysely: db,
      table: idempotencyTable,
      key: keys.idempotency,
      log,
      scopeOf: (context) => context.user.id,
      withCompletion,
    }),
    authenticate: async (endpoint, request) => {
      const user = await authenticate(request.headers.authorization);
      await take(rateClassOf(endpoint), user.id);
      requireRole(endpoint, user);
      return userContext(dependencies, user, request.traceId);
    },
  });
  const bindForTargets = createBinder<SystemContext>(server, {
    log,
    presentation,
    idempotency: noKeys,
    authenticate: async (_endpoint, request) => {
      refuseBrowsers(request.headers);
      return systemContext(dependencies, "source", request.traceId);
    },
  });
  const bindForOperators = createBinder<SystemContext>(server, {
    log,
    presentation,
    idempotency: noKeys,
    authenticate: async (endpoint, request) => {
      await take(rateClassOf(endpoint), request.address);
      requireOperator(request.headers.authorization, config.operatorToken);
      return systemContext(dependencies, "operator", request.traceId);
    },
  });
  bindCatalog(bindForAll);
  bindPublishers(bindForUsers);
  bindListings(bindForUsers);
  bindReleases(bindForUsers);
  bindStats(bindForUsers);
  bindImages(bindForUsers);
  bindInstalls(bindForUsers);
  bindModeration(bindForUsers);
  bindHandOff(bindForTargets, dependencies, take);
  bindOperator(bindForOperators);
  const described = [
    ...bindDescription(server, () => readiness({ database, secrets, blobs })),
    ...bindEcosystem(server, dependencies, take),
    serveImages(server, dependencies, take),
  ];
  answerUnknownRoutes(server, [...fleetprompt.allEndpoints, ...described]);
  const jobs = await openJobs({ url: config.databaseUrl, schema: "fleetprompt_jobs", log });
  await startJobs(jobs, dependencies);
  const metrics = await serveMetrics(registry, config.metrics);

  return {
    server,
    metricsUrl: metrics.url,
    async close() {
      const cut = setTimeout(() => server.server.closeAllConnections(), drainMs);
      const stopped = jobs.stop();
      await server.close();
      clearTimeout(cut);
      await stopped;
      await views.close();
      await limits.close();
      await blobs.close();
      await secrets.close();
      await database.close();
      await metrics.close();
    },
  };
}

async function readiness(parts: {
  database: { pool: { query(statement: string): Promise<unknown> } };
  secrets: { healthcheck(): Promise<unknown> };
  blobs: { healthcheck(): Promise<void> };
}): Promise<{ ready: boolean; failing: string[] }> {
  const probes: Record<string, Promise<unknown>> = {
    database: parts.database.pool.query("select 1"),
    secrets: parts.secrets.healthcheck(),
    blobs: parts.blobs.healthcheck(),
  };
  const results = await Promise.allSettled(Object.values(probes));
  const failing = Object.keys(probes).filter((_, index) => results[index]?.status === "rejected");
  return { ready: failing.length === 0, failing };
}
