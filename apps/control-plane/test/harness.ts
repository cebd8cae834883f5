import { createLogger } from "@whs/platform/log";
import { migrate } from "@whs/platform/db";
import { newId } from "@whs/platform/ids";
import {
  bearer,
  createTestDatabase,
  type Request,
  requester,
  type ServerProcess,
  startIssuer,
  startServer,
  type TestIssuer,
} from "@whs/platform/testing";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import pg from "pg";
import { type App, createApp } from "../src/app.ts";
import { type Config, readConfig } from "../src/config.ts";

export type { Answer } from "@whs/platform/testing";

const migrations = path.resolve(import.meta.dirname, "../migrations");

export interface TestUser {
  token: string;
  externalId: string;
  request: Request;
}

export interface TestControlPlane {
  url: string;
  app: App;
  config: Config;
  pool: pg.Pool;
  issuer: TestIssuer;
  logLines: string[];
  /** @throws when the test runs without a data plane. */
  supervisor(): TestSupervisor;
  /** A new person with a valid JWT. */
  user(name?: string): Promise<TestUser>;
  /** A new person whose plan no test exhausts. */
  enterpriseUser(): Promise<TestUser>;
  as(token: string | undefined): Request;
  close(): Promise<void>;
}

export interface TestOptions {
  environment?: Record<string, string>;
  /** Starts a real supervisor, with cells, beside it. */
  dataPlane?: boolean;
  /** Variables of the supervisor. */
  supervisorEnvironment?: Record<string, string>;
}

export interface TestSupervisor {
  pid: number;
  /** Kills it with the signal and waits until it is gone. */
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Starts it again on the same data. */
  restart(): Promise<void>;
}

let people = 0;

/** The real control plane on a database of its own; no data plane unless a test starts one in `config.runDir`. */
export async function startControlPlane(options: TestOptions = {}): Promise<TestControlPlane> {
  const database = await createTestDatabase({ migrations: [migrations], prepare: (url) => migrate(url, "whs", migrations) });
  const dataDir = await mkdtemp(path.join(tmpdir(), "whs-"));
  const issuer = await startIssuer();
  const config = readConfig({
    DATABASE_URL: database.url,
    OIDC_ISSUER: issuer.url,
    WHS_DATA_DIR: dataDir,
    WHS_PORT: "0",
    LOG_LEVEL: "debug",
    // A busy machine holds this process up, and tests ask for no less then.
    WHS_MAX_EVENT_LOOP_DELAY_MS: "60000",
    ...options.environment,
  });
  const logLines: string[] = [];
  const log = createLogger({
    name: "control-plane",
    level: config.logLevel,
    destination: { write: (line: string) => void logLines.push(line) },
  });
  const app = await createApp(config, log);
  const url = await app.server.listen({ host: "127.0.0.1", port: 0 });
  const pool = new pg.Pool({ connectionString: database.url, max: 2 });
  const supervisor = options.dataPlane ? await startSupervisor(config, url, options.supervisorEnvironment ?? {}) : undefined;
  const as = (token: string | undefined): Request => requester(url, () => bearer(token));
  return {
    url,
    app,
    config,
    pool,
    issuer,
    logLines,
    supervisor() {
      if (supervisor === undefined) throw new Error("This test runs without a data plane");
      return supervisor;
    },
    as,
    async user(name = "person") {
      people += 1;
      const externalId = `${name}-${process.pid}-${people}`;
      const token = await issuer.sign({ sub: externalId, email: `${externalId}@example.com`, name });
      return { token, externalId, request: as(token) };
    },
    async enterpriseUser() {
      people += 1;
      const externalId = `enterprise-${process.pid}-${people}`;
      await pool.query("insert into whs.users (id, external_id, subscription_tier) values ($1, $2, 'enterprise')", [
        newId("usr"),
        externalId,
      ]);
      const token = await issuer.sign({ sub: externalId, email: `${externalId}@example.com`, name: "enterprise" });
      return { token, externalId, request: as(token) };
    },
    async close() {
      await supervisor?.kill("SIGTERM");
      await app.close();
      await pool.end();
      await issuer.close();
      await database.drop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

async function startSupervisor(config: Config, apiUrl: string, environment: Record<string, string>): Promise<TestSupervisor> {
  const start = (): Promise<ServerProcess> =>
    startServer({
      entry: path.resolve(import.meta.dirname, "../../supervisor/src/main.ts"),
      environment: { WHS_DATA_DIR: config.dataDir, WHS_RUN_DIR: config.runDir, WHS_API_URL: apiUrl, LOG_LEVEL: "warn", ...environment },
    });
  let server = await start();
  return {
    get pid() {
      return server.pid;
    },
    kill: async (signal) => void (await server.stop(signal)),
    async restart() {
      server = await start();
    },
  };
}
