import { type Endpoint, internalEndpoints, protocolEndpoints, whsEndpoints } from "@whs/api";
import { openBlobStore } from "@whs/platform/blobs";
import { openDatabase } from "@whs/platform/db";
import { AppError } from "@whs/platform/errors";
import {
  answerUnknownRoutes,
  type BindingOptions,
  createBinder,
  createCursors,
  createHttpServer,
  type HttpRequest,
} from "@whs/platform/http";
import { createIdempotency } from "@whs/platform/idempotency";
import { newId } from "@whs/platform/ids";
import { openJobs } from "@whs/platform/jobs";
import type { Logger } from "@whs/platform/log";
import { observeHttp, observePool, serveMetrics } from "@whs/platform/metrics";
import { createPoints, openRateLimits } from "@whs/platform/rate-limits";
import { openSecretStore } from "@whs/platform/secrets";
import type { FastifyInstance } from "fastify";
import { mkdir } from "node:fs/promises";
import { openAgentcore } from "./agentcore.ts";
import { openAnnouncements } from "./announcements.ts";
import { openCloudflareRuntime } from "./cloudflare.ts";
import type { Config } from "./config.ts";
import { type Caller, type Context, type Dependencies, systemContext, type SystemContext, userContext, withCompletion } from "./context.ts";
import type { Schema } from "./database.ts";
import { bindDescription } from "./description.ts";
import {
  bindAccess,
  bindIntrospection,
  createAuthenticator,
  createJwtVerifier,
  findDisabled,
  requireScope,
} from "./features/access/index.ts";
import { bindAgents } from "./features/agents/index.ts";
import { bindAudit } from "./features/audit/index.ts";
import { bindBilling, bindLocalCheckout, openBilling } from "./features/billing/index.ts";
import { bindDelegations } from "./features/delegations/index.ts";
import {
  bindDeployments,
  bindLogIngestion,
  BuildPlaces,
  buildTimeoutMs,
  createOwnLines,
  openBuildSandbox,
} from "./features/deployments/index.ts";
import { bindAgentCalls, bindInvocations, createGateway, openStreams } from "./features/invocations/index.ts";
import { bindInstalls, createMarketplace, deployWhenSecretsAreSet } from "./features/installs/index.ts";
import { createRequestLimits, recordPlans } from "./features/limits/index.ts";
import { bindProtocols, createCardSigner, createRunningCalls } from "./features/protocols/index.ts";
import { bindRuntime } from "./features/runtime/index.ts";
import { bindOperator, requireOperator } from "./features/operator/index.ts";
import { bindSecrets } from "./features/secrets/index.ts";
import { bindTelemetry, createOwnEvents, createTelemetryIngestion } from "./features/telemetry/index.ts";
import { bindUploads } from "./features/uploads/index.ts";
import { bindUsage, readLastPass } from "./features/usage/index.ts";
import { startJobs } from "./jobs.ts";
import { openKeys } from "./keys.ts";
import { createLongAnswers } from "./long-answers.ts";
import {
  createLimitMetrics,
  createMetrics,
  observeIngestion,
  observeJobs,
  observeReconciliation,
  observeRefusals,
  observeSharing,
  observeStreams,
  openTracing,
} from "./observability/index.ts";
import { readTiers } from "./tiers.ts";

export interface App {
  server: FastifyInstance;
  /** Where Prometheus finds what this process counts: on a private listener of its own. */
  metricsUrl: string;
  /** Whether database and data plane can be reached; the reasons are for operators. */
  readiness(): Promise<{ ready: boolean; checks: Record<string, string> }>;
  /** Stops accepting, finishes what runs, writes what waits, closes what is open. */
  close(): Promise<void>;
}

/** How long running invocations may go on when the process stops. */
const drainMs = 5_500;
/** How long connections may take to carry what was said last. */
const lastWordsMs = 1_000;

/** Puts the process together; nothing else knows how its parts are made. */
export async function createApp(config: Config, log: Logger): Promise<App> {
  await mkdir(config.runDir, { recursive: true, mode: 0o700 });
  const database = openDatabase<Schema>({ url: config.databaseUrl, applicationName: "control-plane", maxConnections: 16, log });
  const secrets = await openSecretStore({ ...config.secrets, log });
  const keys = await openKeys(secrets);
  const { tiers, sha256: tiersSha256 } = await readTiers(config.tiersFile);
  const blobs = await openBlobStore(config.blobUrl, { allowHttp: config.allowHttp });
  const buildSandbox = await openBuildSandbox();
  log[buildSandbox.sandboxed ? "info" : "warn"]({ sandboxed: buildSandbox.sandboxed }, buildSandbox.detail);
  const buildPlaces = new BuildPlaces({
    folder: config.runDir,
    sandbox: buildSandbox,
    timeoutMs: buildTimeoutMs,
    log: (error) => log.error({ err: error }, "No bundler can be started ahead"),
  });
  const metrics = createMetrics();
  observePool(metrics.registry, database.pool);
  const tracing = await openTracing({ ...config.tracing, log });
  const jobs = observeJobs(await openJobs({ url: config.databaseUrl, schema: "jobs", log }), metrics);
  const { provider, setUp } = await openCloudflareRuntime(config, secrets, keys);

  const now = (): Date => new Date();
  const longAnswers = createLongAnswers({
    findDisabled: (userIds) => findDisabled(database.kysely, userIds),
    onError: (error) => log.error({ err: error }, "Answers of closed accounts may go on: accounts cannot be looked up"),
  });
  const announcements = await openAnnouncements({ url: config.databaseUrl, db: database.kysely, log });
  const streams = await openStreams({
    url: config.databaseUrl,
    db: database.kysely,
    log,
    key: keys.stream,
    metrics,
    heartbeatMs: config.heartbeatMs,
    graceMs: config.streamGraceMs,
    longAnswers,
  });
  observeStreams(metrics.registry, streams);
  observeReconciliation(metrics.registry, { read: () => readLastPass(database.kysely), log });
  const stopping = new AbortController();
  const limitMetrics = createLimitMetrics(metrics.registry);
  const rateLimits = await openRateLimits({
    redisUrl: config.limits.redisUrl,
    kysely: database.kysely,
    table: "whs.rate_limits",
    log,
    processes: () => announcements.processes,
    onStoreFailure: () => limitMetrics.storeFailed("rates"),
  });
  const gateway = createGateway({
    db: database.kysely,
    log,
    keys,
    config,
    streams,
    metrics,
    now,
    hearsChanges: () => announcements.connected,
    processes: () => announcements.processes,
    rateLimits,
    limitMetrics,
    reclaimSlots: (userId) => announcements.announce("slots", userId),
  });
  observeSharing(metrics.registry, { rates: () => rateLimits.degraded, concurrency: () => gateway.limits.slots.degraded });
  const requestLimits = createRequestLimits({
    limits: rateLimits,
    invocations: createPoints({ limits: rateLimits, scope: "invocations_address" }),
    settings: config.limits,
    metrics: limitMetrics,
  });
  const verifyJwt = createJwtVerifier({ ...config.oidc, now });
  const authenticator = createAuthenticator({ db: database.kysely, verifyJwt, now, log, hearsChanges: () => announcements.connected });
  const calls = createRunningCalls();
  announcements.subscribe({
    forget: (topic, id) => {
      if (topic === "route") return gateway.routing.forget(id);
      if (topic === "slots") return gateway.limits.slots.giveBack(id);
      if (topic === "call") {
        calls.cancel(id);
        return gateway.streams.cancel(id);
      }
      authenticator.forgetUser(id);
      // The plan may be another one now.
      gateway.limits.budgets.giveBack(id);
      return longAnswers.recheck(id);
    },
    forgetAll: () => {
      gateway.routing.forgetAll();
      authenticator.forgetAll();
      void longAnswers.recheckAll();
    },
  });
  const ownEvents = createOwnEvents({
    db: database.kysely,
    keys,
    log,
    ingestion: () => ({ ingestion, context: systemContext(dependencies, "agentcore", newId("trc")) }),
  });
  const ownLines = createOwnLines({ db: database.kysely, now, blobs, log });
  if (config.agentcore === null)
    log.info(
      "There is no AgentCore runtime: set AGENTCORE_URL for the local service, or AGENTCORE_ROLE_ARN and AGENTCORE_REPOSITORY for AWS",
    );
  const agentcore =
    config.agentcore === null
      ? undefined
      : openAgentcore(config.agentcore, { secrets, report: (event) => ownEvents.report(event), log: (lines) => ownLines.add(lines) });
  const dependencies: Dependencies = {
    config,
    log,
    now,
    db: database.kysely,
    jobs,
    secrets,
    blobs,
    buildSandbox,
    buildPlaces,
    providers: { cloudflare: provider, ...(agentcore === undefined ? {} : { agentcore }) },
    tiers,
    keys,
    cursors: createCursors(keys.cursor),
    metrics,
    tracing,
    longAnswers,
    stopping: stopping.signal,
    publishSpent: () => gateway.limits.budgets.tick(),
    forgetRoute: (agentId) => announcements.announce("route", agentId),
    forgetUser: (userId) => announcements.announce("user", userId),
  };
  const ingestion = observeIngestion(createTelemetryIngestion(dependencies), metrics);
  const billing = await openBilling(config.billing, { secrets, webUrl: config.webUrl, now, log });
  const marketplace = createMarketplace({ ...config.marketplace, now });
  const readiness = async (): Promise<{ ready: boolean; checks: Record<string, string> }> => {
    const checks = {
      database: await check(() => database.pool.query("select 1")),
      secrets: await check(() => secrets.healthcheck()),
      dataPlane: await check(() => requireHealthy(provider.healthcheck())),
    };
    // Told, but not decisive: without it agents on the other runtime are served as ever.
    const others = agentcore === undefined ? {} : { agentcore: await check(() => requireHealthy(agentcore.healthcheck())) };
    return { ready: Object.values(checks).every((result) => result === "ok"), checks: { ...checks, ...others } };
  };

  const server = createHttpServer({
    log,
    trustedProxies: config.trustedProxies,
    corsOrigins: config.corsOrigins,
    overload: {
      ...config.limits,
      databaseQueue: () => database.pool.waitingCount,
      neverShed: ["/healthz", "/readyz"],
      onShed: (reason) => limitMetrics.shed(reason),
    },
    maxConnections: config.limits.maxConnections,
    onConnectionDropped: () => limitMetrics.connectionDropped(),
  });
  observeHttp(server, metrics.registry);
  tracing?.observeHttp(server);
  const idempotency = createIdempotency<Context, Schema>({
    kysely: database.kysely,
    table: "whs.idempotency_keys",
    key: keys.idempotency,
    log,
    scopeOf: (context) => context.user.id,
    withCompletion,
  });
  const forUsers: BindingOptions<Context> = {
    log,
    authenticate: async (endpoint, request) => {
      const caller = await requestLimits.authenticate(request, () => authenticator.authenticate(request.headers.authorization));
      return userContext(dependencies, requireScopeOf(endpoint, caller), request.traceId);
    },
    limit: (endpoint, request, { user }) => requestLimits.admit(endpoint, request, user.id),
    idempotency,
  };
  const bindForUsers = observeRefusals(createBinder(server, forUsers), metrics);
  const bindForSystems = createBinder<SystemContext>(server, {
    log,
    authenticate: async (_endpoint: Endpoint, request: HttpRequest) => systemContext(dependencies, "runtime", request.traceId),
    idempotency: { run: () => Promise.reject(new Error("Signed endpoints deduplicate by their own keys")) },
  });
  const bindForOperators = createBinder<SystemContext>(server, {
    log,
    authenticate: async (_endpoint: Endpoint, request: HttpRequest) => {
      await requestLimits.authenticate(request, async () => requireOperator(request.headers.authorization, config.operatorToken));
      return systemContext(dependencies, "operator", request.traceId);
    },
    idempotency: { run: () => Promise.reject(new Error("The operator's endpoints may be repeated as they are")) },
  });
  bindAccess(bindForUsers, dependencies);
  bindIntrospection(bindForSystems, authenticator);
  bindAgents(bindForUsers);
  bindSecrets(bindForUsers, deployWhenSecretsAreSet);
  bindUploads(bindForUsers, config.maxUploadBytes);
  bindDeployments(bindForUsers);
  bindInvocations(bindForUsers, gateway);
  const signer = createCardSigner(keys.card);
  bindProtocols((presentation) => observeRefusals(createBinder(server, { ...forUsers, presentation }), metrics), {
    gateway,
    calls,
    cancelCall: (key) => announcements.announce("call", key),
    admitWrite: async ({ user }, request) => void (await requestLimits.admit(whsEndpoints.activateDeployment, request, user.id)),
    publicUrl: config.publicUrl,
    signer,
  });
  bindUsage(bindForUsers);
  bindAudit(bindForUsers);
  bindRuntime(bindForUsers);
  bindInstalls(bindForUsers, marketplace);
  bindBilling(bindForUsers, requestLimits.guardSignatures(bindForSystems, "billing"), billing);
  bindOperator(bindForOperators, setUp === undefined ? undefined : () => setUp(config.publicUrl ?? addressOf(server)));
  bindDelegations(requestLimits.guardSignatures(bindForSystems, "delegation"), dependencies, gateway);
  bindTelemetry(requestLimits.guardSignatures(bindForSystems, "telemetry"), ingestion);
  bindAgentCalls(requestLimits.guardSignatures(bindForSystems, "telemetry"), gateway);
  bindLogIngestion(requestLimits.guardSignatures(bindForSystems, "telemetry"));
  const described = [
    ...bindDescription(server, { oidcIssuer: config.oidc.issuer, publicUrl: config.publicUrl, readiness, jwks: signer.jwks }),
    ...bindLocalCheckout(server, dependencies, billing),
  ];
  answerUnknownRoutes(server, [...Object.values({ ...whsEndpoints, ...protocolEndpoints, ...internalEndpoints }), ...described]);
  await recordPlans(systemContext(dependencies, "start", newId("trc")), tiersSha256);
  await startJobs(dependencies, { ingestion, marketplace, newTraceId: () => newId("trc") });
  const metricsServer = await serveMetrics(metrics.registry, config.metrics);

  return {
    server,
    metricsUrl: metricsServer.url,
    readiness,
    async close() {
      stopping.abort();
      const closed = server.close();
      const stopped = jobs.stop();
      await gateway.drain(drainMs);
      const cut = setTimeout(() => server.server.closeAllConnections(), lastWordsMs);
      await closed;
      clearTimeout(cut);
      await stopped;
      await buildPlaces.close();
      await agentcore?.close();
      await ownEvents.flush();
      await ownLines.flush();
      await ingestion.flush();
      await authenticator.flush();
      await requestLimits.close();
      await provider.close();
      await announcements.close();
      await blobs.close();
      await secrets.close();
      await database.close();
      await tracing?.close();
      await metricsServer.close();
    },
  };
}

function requireScopeOf({ access }: Endpoint, caller: Caller): Caller {
  if (access.kind === "user" && access.scope !== null) requireScope(caller, access.scope);
  return caller;
}

/** Where the process listens, for who needs no public address: a Cloudflare on this machine. */
function addressOf(server: FastifyInstance): string {
  const address = server.server.address();
  if (address === null || typeof address === "string") throw new AppError("UNAVAILABLE", "The control plane does not listen yet.");
  return `http://${address.family === "IPv6" ? `[${address.address}]` : address.address}:${address.port}`;
}

async function requireHealthy(health: Promise<{ healthy: boolean; detail: string }>): Promise<void> {
  const { healthy, detail } = await health;
  if (!healthy) throw new Error(detail);
}

async function check(probe: () => Promise<unknown>): Promise<string> {
  try {
    await probe();
    return "ok";
  } catch (error) {
    return error instanceof Error ? error.message : "failed";
  }
}
