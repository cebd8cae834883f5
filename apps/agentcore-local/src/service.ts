/** Composition root: opens everything of the service, in order, and closes it in the reverse order. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { createDirectory } from "@whs/platform/durable-files";
import { openEgressPolicy } from "@whs/platform/egress";
import type { Logger } from "@whs/platform/log";
import { ACCOUNT_ID, Arns } from "./arn.ts";
import type { Config } from "./config.ts";
import { createApiServer } from "./http/server.ts";
import { ARCHITECTURE, ImageStore } from "./images/images.ts";
import { LogStore } from "./logs/logs.ts";
import { logRoutes } from "./logs/routes.ts";
import { BlobStore } from "./registry/blobs.ts";
import { isAuthorized, Registry } from "./registry/registry.ts";
import { DEFAULT_ENDPOINT } from "./runtimes/records.ts";
import { Provisioning } from "./runtimes/provisioning.ts";
import { runtimeRoutes } from "./runtimes/routes.ts";
import { Runtimes } from "./runtimes/runtimes.ts";
import { RuntimeStore } from "./runtimes/store.ts";
import { EgressProxy } from "./sandbox/egress-proxy.ts";
import { Slots } from "./sandbox/running-sandbox.ts";
import { planSandboxes } from "./sandbox/sandbox.ts";
import { sessionRoutes } from "./sessions/routes.ts";
import { Sessions } from "./sessions/sessions.ts";
import { ClientTokens } from "./state/client-tokens.ts";
import { openDatabase } from "./state/database.ts";
import { Seal } from "./state/seal.ts";
import { startBrowser, type ViewPort } from "./tools/browser/browser.ts";
import { BrowserApi, DEFAULT_VIEWPORT } from "./tools/browser/routes.ts";
import { startInterpreter } from "./tools/interpreter/interpreter.ts";
import { interpreterRoutes } from "./tools/interpreter/routes.ts";
import { ToolSessions } from "./tools/tool-sessions.ts";
import type { IncomingMessage, ServerResponse } from "node:http";

export interface Service {
  /** With the port that was really bound. */
  url: string;
  /** Sentences for the person who starts it: which isolation layers are on, and which are not. */
  notes: readonly string[];
  /** Ends sessions whose time is over by the clock; runs by itself every second. */
  sweep(): Promise<void>;
  /** Whether a session of the default endpoint has a container. */
  isRunning(arn: string, sessionId: string): boolean;
  /** Ends all sessions, of runtimes and of tools. */
  stopSessions(): Promise<void>;
  /** Takes no more, ends sessions, writes what is left. Within ten seconds. */
  close(): Promise<void>;
}

const SWEEP_MS = 1_000;
const PROVISIONING_MS = 3_000;
/** Sweeps between two that look at files as well. */
const STORAGE_EVERY = 600;

/** @throws Error when a demanded layer of isolation is missing. */
export async function openService(config: Config, logger: Logger, now: () => number = Date.now): Promise<Service> {
  await Promise.all([createDirectory(config.folder), createDirectory(config.runDir)]);
  const owner = createHash("sha256").update(config.folder).digest("hex").slice(0, 8);
  const [plan, policy, blobs, seal, version] = await Promise.all([
    planSandboxes({ ...config.sandbox, owner }),
    openEgressPolicy(config.egress),
    BlobStore.open(join(config.folder, "registry"), config.registryBytes),
    Seal.open(join(config.folder, "state.key")),
    ownVersion(),
  ]);
  const database = openDatabase(join(config.folder, "state.sqlite"));
  let address: AddressInfo | null = null;
  const images = await ImageStore.open(join(config.folder, "images"), config.credentials, () => ownAddresses(address, config.host));
  const arns = new Arns(config.region);
  const store = new RuntimeStore(database);
  const logs = new LogStore(database, now);
  const surroundings = { plan, egress: new EgressProxy(policy, logger), runDir: config.runDir, slots: new Slots() };
  const sessions = new Sessions({
    surroundings,
    images,
    logs,
    storageDir: join(config.folder, "session-storage"),
    maxSessions: config.quotas.sessions,
    startMs: config.startMs,
    now,
    logger,
  });
  const stopSessions = (runtimeId: string, endpoint: string | undefined) => sessions.stopAll(runtimeId, endpoint);
  const provisioning = new Provisioning({ database, store, arns, images, stopSessions, now, logger });
  const tokens = new ClientTokens(database, seal, now);
  const runtimes = new Runtimes({ store, arns, tokens, seal, provisioning, quotas: config.quotas, now });
  const interpreters = new ToolSessions({
    kind: "code-interpreter",
    identifier: "aws.codeinterpreter.v1",
    database,
    tokens,
    maxSessions: config.quotas.toolSessions,
    start: () => startInterpreter(surroundings),
    now,
    logger,
  });
  const browsers = new ToolSessions({
    kind: "browser",
    identifier: "aws.browser.v1",
    database,
    tokens,
    maxSessions: config.quotas.toolSessions,
    start: ({ detail }) => startBrowser(surroundings, (detail?.viewPort as ViewPort | undefined) ?? DEFAULT_VIEWPORT),
    now,
    logger,
  });
  const browserApi = new BrowserApi(browsers, () => ownAddresses(address, config.host).origin);
  const registry = new Registry(blobs, config.credentials, logger);
  const describe = () => ({
    version: config.reportedVersion ?? version,
    region: config.region,
    accountId: ACCOUNT_ID,
    platform: { os: "linux", architecture: ARCHITECTURE },
    isolation: plan.layers,
    capabilities: ["runtimes", "sessions", "session storage", "logs", "code interpreter", "browser"],
    sessions: { running: sessions.count, limit: config.quotas.sessions },
  });
  const server = createApiServer({
    credentials: config.credentials,
    region: config.region,
    now,
    logger,
    routes: {
      "bedrock-agentcore": [
        ...runtimeRoutes(runtimes),
        ...sessionRoutes(runtimes, sessions, arns),
        ...interpreterRoutes(interpreters),
        ...browserApi.routes(),
      ],
      logs: logRoutes(logs),
    },
    upgrades: browserApi.upgrades(),
    others: async (request, response) => answerAbout(request, response, config, describe) || registry.handle(request, response),
  });
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(config.port, config.host, resolve));
  address = server.address() as AddressInfo;
  // After the service listens, since it pulls from itself.
  provisioning.resume();
  let sweeps = 0;
  const sweep = async (): Promise<void> => {
    await Promise.all([sessions.sweep(), interpreters.sweep(), browsers.sweep()]);
    sweeps += 1;
    if (sweeps % STORAGE_EVERY !== 1) return;
    logs.prune();
    await sessions.sweepStorage();
  };
  const stopSweeping = repeat(sweep, SWEEP_MS, logger);
  return {
    url: ownAddresses(address, config.host).origin,
    notes: plan.layers.map(({ layer, active, detail }) => `${active ? "on" : "MISSING"}: ${layer}: ${detail}`),
    sweep,
    isRunning: (arn, sessionId) => sessions.isRunning(arns.parseRuntime(arn).runtimeId, DEFAULT_ENDPOINT, sessionId),
    stopSessions: async () => {
      await Promise.all([sessions.endAll("all sessions are stopped"), interpreters.endAll(), browsers.endAll()]);
    },
    close: async () => {
      await stopSweeping();
      server.close();
      await Promise.all([sessions.close(), interpreters.close(), browsers.close()]);
      server.closeAllConnections();
      // What is not done by then goes on after the next start.
      await Promise.race([provisioning.idle(), new Promise((resolve) => setTimeout(resolve, PROVISIONING_MS))]);
      logs.flush();
      database.close();
    },
  };
}

/** @returns whether the request asked for one of the two. */
function answerAbout(request: IncomingMessage, response: ServerResponse, config: Config, describe: () => unknown): boolean {
  if (request.method !== "GET") return false;
  if (request.url === "/healthz") {
    response.writeHead(200, { "content-type": "application/json" }).end('{"status":"ok"}');
    return true;
  }
  if (request.url !== "/describe") return false;
  if (isAuthorized(request, config.credentials))
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(describe()));
  else response.writeHead(401, { "www-authenticate": 'Basic realm="agentcore-local"' }).end();
  return true;
}

function ownAddresses(address: AddressInfo | null, host: string): { hosts: ReadonlySet<string>; origin: string } {
  const port = address?.port ?? 0;
  const name = host.includes(":") ? `[${host}]` : host;
  const reachable = name === "0.0.0.0" || name === "[::]" ? "127.0.0.1" : name;
  return {
    hosts: new Set([name, "127.0.0.1", "localhost", "[::1]"].map((one) => `${one}:${port}`)),
    origin: `http://${reachable}:${port}`,
  };
}

/** One run at a time. @returns what stops it, after the run that is under way. */
function repeat(work: () => Promise<void>, everyMs: number, logger: Logger): () => Promise<void> {
  let running = Promise.resolve();
  let busy = false;
  const timer = setInterval(() => {
    if (busy) return;
    busy = true;
    running = work()
      .catch((error: unknown) => logger.error({ err: error }, "A sweep failed"))
      .finally(() => (busy = false));
  }, everyMs);
  return async () => {
    clearInterval(timer);
    await running;
  };
}

async function ownVersion(): Promise<string> {
  const text = await readFile(new URL("../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
