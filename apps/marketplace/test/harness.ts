import { migrate, openDatabase } from "@whs/platform/db";
import { createLogger } from "@whs/platform/log";
import { signatureHeader } from "@whs/platform/signatures";
import { type Answer, bearer, createTestDatabase, type Request, requester, startIssuer, type TestIssuer } from "@whs/platform/testing";
import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import pg from "pg";
import { type App, createApp } from "../src/app.ts";
import { type Config, readConfig } from "../src/config.ts";
import type { Schema } from "../src/database.ts";
import { deleteUnusedImages } from "../src/features/images/index.ts";
import { expireInstalls, purgeInstalls } from "../src/features/installs/index.ts";
import { refreshStats } from "../src/features/stats/index.ts";
import { openBlobStore } from "@whs/platform/blobs";

export const migrations = path.resolve(import.meta.dirname, "../migrations");
export const operatorToken = "operator-token-of-this-test-000001";
export const redeemSecret = "redeem-secret-of-this-test-00000001";

export interface TestUser {
  token: string;
  externalId: string;
  /** Sends a new `Idempotency-Key` with each POST, unless the headers name one. */
  request: Request;
}

export interface TestPublisher extends TestUser {
  publisherId: string;
}

export interface TestMarketplace {
  url: string;
  app: App;
  config: Config;
  pool: pg.Pool;
  issuer: TestIssuer;
  logLines: string[];
  /** The service's clock. */
  clock: { advance(ms: number): void; now(): number };
  /** What runs by the clock, run now. */
  jobs: Record<"expireInstalls" | "purgeInstalls" | "refreshStats" | "deleteUnusedImages", () => Promise<void>>;
  as(token: string | undefined): Request;
  anyone: Request;
  operator: Request;
  user(name?: string): Promise<TestUser>;
  publisher(name?: string): Promise<TestPublisher>;
  admin(): Promise<TestUser>;
  /** Plays a target system. */
  target(source: string, secret?: string): (path: string, body: unknown, headers?: Record<string, string>) => Promise<Answer>;
  close(): Promise<void>;
}

let people = 0;

/** The real service on a database of its own. */
export async function startMarketplace(options: { environment?: Record<string, string> } = {}): Promise<TestMarketplace> {
  const database = await createTestDatabase({ migrations: [migrations], prepare: (url) => migrate(url, "fleetprompt", migrations) });
  const dataDir = await mkdtemp(path.join(tmpdir(), "fleetprompt-"));
  const issuer = await startIssuer();
  const config = readConfig({
    FLEETPROMPT_DATABASE_URL: database.url,
    OIDC_ISSUER: issuer.url,
    WHS_DATA_DIR: dataDir,
    FLEETPROMPT_PORT: "0",
    FLEETPROMPT_INTERNAL_REDEEM_SECRET: redeemSecret,
    WHS_OPERATOR_TOKEN: operatorToken,
    WEB_URL: "http://127.0.0.1:8789",
    LOG_LEVEL: "trace",
    ...Object.fromEntries(
      ["SEARCH", "READ", "ACCOUNT", "WRITE", "INSTALL", "REPORT", "INTERNAL", "OPERATOR"].map((name) => [
        `FLEETPROMPT_RATE_${name}`,
        "off",
      ]),
    ),
    ...options.environment,
  });
  const logLines: string[] = [];
  const destination = { write: (line: string) => void logLines.push(line) };
  const log = createLogger({ name: "marketplace", level: config.logLevel, destination });
  let aheadMs = 0;
  const now = (): number => Date.now() + aheadMs;
  const app = await createApp(config, log, () => new Date(now()));
  const url = await app.server.listen({ host: "127.0.0.1", port: 0 });
  const pool = new pg.Pool({ connectionString: database.url, max: 2 });
  const own = openDatabase<Schema>({ url: database.url, applicationName: "test", maxConnections: 1, log });
  const blobs = await openBlobStore(config.blobUrl);
  const parts = { db: own.kysely, log, blobs, now: () => new Date(now()) };
  const as = (token: string | undefined): Request =>
    requester(url, (method) => ({
      ...bearer(token),
      ...(method === "POST" && token !== undefined ? { "idempotency-key": randomUUID() } : {}),
    }));
  const operator = as(operatorToken);
  const user = async (name = "person"): Promise<TestUser> => {
    people += 1;
    const externalId = `${name}-${process.pid}-${people}`;
    const token = await issuer.sign({ sub: externalId, email: `${externalId}@example.com`, name }, { expiresIn: "10y" });
    return { token, externalId, request: as(token) };
  };
  return {
    url,
    app,
    config,
    pool,
    issuer,
    logLines,
    clock: { advance: (ms) => void (aheadMs += ms), now },
    jobs: {
      expireInstalls: () => expireInstalls(parts),
      purgeInstalls: () => purgeInstalls(parts),
      refreshStats: () => refreshStats(parts),
      deleteUnusedImages: () => deleteUnusedImages(parts),
    },
    as,
    anyone: as(undefined),
    operator,
    user,
    async publisher(name = "publisher") {
      const person = await user(name);
      const { body } = await person.request<{ publisher: { publisherId: string } }>("POST", "/v1/publisher/profile", { displayName: name });
      return { ...person, publisherId: body.publisher.publisherId };
    },
    async admin() {
      const person = await user("admin");
      await person.request("GET", "/v1/install/intents");
      const { status } = await operator("POST", `/v1/operator/users/${person.externalId}/roles`, { role: "admin", grant: true });
      if (status !== 200) throw new Error(`Granting a role answers ${status}`);
      return person;
    },
    target:
      (source, secret = redeemSecret) =>
      (target, body, headers) =>
        sendSigned(url, { source, secret, now }, target, body, headers),
    async close() {
      await app.close();
      await own.close();
      await blobs.close();
      await pool.end();
      await issuer.close();
      await database.drop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

async function sendSigned(
  url: string,
  { source, secret, now }: { source: string; secret: string; now: () => number },
  target: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const bytes = typeof body === "string" ? body : JSON.stringify(body);
  const timestamp = String(now());
  return requester(url, () => ({}))("POST", target, Buffer.from(bytes), {
    "content-type": "application/json",
    "x-whs-delegation-source": source,
    "x-whs-delegation-timestamp": timestamp,
    "x-whs-delegation-signature": signatureHeader(Buffer.from(secret), { timestamp, source, method: "POST", path: target, body: bytes }),
    ...headers,
  });
}
