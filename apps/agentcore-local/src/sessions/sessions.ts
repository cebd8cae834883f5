/** Which sessions run: at most one container for each, started by the first request, ended by time, by request, or by itself. */
import { createHash } from "node:crypto";
import { chown, mkdir, readdir, rm, rmdir, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { createTextFilter, type Logger } from "@whs/platform/log";
import { isSystemError } from "@whs/platform/durable-files";
import { AwsError, notFound } from "../http/aws-error.ts";
import type { ImageStore } from "../images/images.ts";
import type { LogStore } from "../logs/logs.ts";
import type { VersionSpec } from "../runtimes/records.ts";
import { RunningSandbox, type SandboxSurroundings } from "../sandbox/running-sandbox.ts";
import { imageView } from "../sandbox/view.ts";
import { Session } from "./session.ts";

/** What a session is of. */
export interface SessionTarget {
  runtimeId: string;
  endpoint: string;
  /** Digest of the image. */
  image: string;
  spec: VersionSpec;
  environment: Readonly<Record<string, string>>;
  /** Whose list of allowed hosts applies. */
  agentId: string;
}

export interface SessionsOptions {
  surroundings: SandboxSurroundings;
  images: ImageStore;
  logs: LogStore;
  /** Holds the directories of sessions that have storage. */
  storageDir: string;
  maxSessions: number;
  startMs: number;
  now: () => number;
  logger: Logger;
}

/** Where a program of each protocol listens, takes requests and says how it is. */
export const PROTOCOLS = {
  HTTP: { port: 8080, path: "/invocations", ping: "/ping" },
  AGUI: { port: 8080, path: "/invocations", ping: "/ping" },
  MCP: { port: 8000, path: "/mcp", ping: null },
  A2A: { port: 9000, path: "/", ping: "/ping" },
} as const;

/** What nobody used for so long is removed: after as many days WHS ends sessions. On AWS it is 14 days. */
const STORAGE_LIFE_MS = 30 * 24 * 60 * 60_000;
const DEFAULT_ENVIRONMENT = { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", HOME: "/tmp" };

export class Sessions {
  private readonly options: SessionsOptions;
  private readonly sessions = new Map<string, Promise<Session>>();
  private closing = false;

  constructor(options: SessionsOptions) {
    this.options = options;
  }

  get count(): number {
    return this.sessions.size;
  }

  isRunning(runtimeId: string, endpoint: string, sessionId: string): boolean {
    return this.sessions.has(keyOf(runtimeId, endpoint, sessionId));
  }

  /** The session's container, started if there is none. @throws AwsError */
  async get(target: SessionTarget, sessionId: string): Promise<Session> {
    const key = keyOf(target.runtimeId, target.endpoint, sessionId);
    const existing = this.sessions.get(key);
    if (existing !== undefined) return existing;
    if (this.closing) throw new AwsError("ServiceUnavailableException", "The service is stopping.");
    const { maxSessions } = this.options;
    if (this.sessions.size >= maxSessions)
      throw new AwsError("ServiceQuotaExceededException", `There are ${maxSessions} sessions already, which is the limit.`);
    const starting = this.start(key, target, sessionId);
    this.sessions.set(key, starting);
    starting.catch(() => this.sessions.delete(key));
    return starting;
  }

  /** @throws AwsError when it does not run. */
  async stop(runtimeId: string, endpoint: string, sessionId: string): Promise<void> {
    const running = this.sessions.get(keyOf(runtimeId, endpoint, sessionId));
    if (running === undefined) throw notFound(`Session ${sessionId}`);
    await this.end(await running, "it was stopped");
  }

  /** `endpoint` undefined: of all endpoints, and what they have stored. */
  async stopAll(runtimeId: string, endpoint: string | undefined): Promise<void> {
    const prefix = endpoint === undefined ? `${runtimeId}/` : `${runtimeId}/${endpoint}/`;
    await this.endEach((key) => key.startsWith(prefix), "its runtime or endpoint is deleted");
    if (endpoint !== undefined) return;
    await rm(join(this.options.storageDir, runtimeId), { recursive: true, force: true });
    this.options.logs.forget(`/aws/bedrock-agentcore/runtimes/${runtimeId}-`);
  }

  /** Ends what is idle or too old. */
  async sweep(): Promise<void> {
    const settled = await Promise.allSettled(this.sessions.values());
    const overdue = settled.map(async (result) => {
      if (result.status === "rejected") return;
      const reason = await result.value.overdue();
      if (reason !== null) await this.end(result.value, reason);
    });
    await Promise.all(overdue);
  }

  /** Removes what sessions stored that nobody has used for long. */
  async sweepStorage(): Promise<void> {
    const { storageDir, now } = this.options;
    for (const runtimeId of await namesIn(storageDir))
      for (const name of await namesIn(join(storageDir, runtimeId))) {
        const path = join(storageDir, runtimeId, name);
        if (now() - (await stat(path)).mtimeMs > STORAGE_LIFE_MS) await rm(path, { recursive: true, force: true });
      }
  }

  async close(): Promise<void> {
    this.closing = true;
    await this.endAll("the service stops");
  }

  async endAll(reason: string): Promise<void> {
    await this.endEach(() => true, reason);
  }

  private async endEach(isMeant: (key: string) => boolean, reason: string): Promise<void> {
    const meant = [...this.sessions].filter(([key]) => isMeant(key)).map(([, session]) => session);
    const settled = await Promise.allSettled(meant);
    await Promise.all(settled.filter((result) => result.status === "fulfilled").map(({ value }) => this.end(value, reason)));
  }

  private async end(session: Session, reason: string): Promise<void> {
    const { runtimeId, endpoint, sessionId } = session;
    // Whoever comes from now on gets a new container.
    this.sessions.delete(keyOf(runtimeId, endpoint, sessionId));
    this.options.logger.info({ runtimeId, endpoint, reason }, "Session ends");
    await session.sandbox.stop();
  }

  private async start(key: string, target: SessionTarget, sessionId: string): Promise<Session> {
    const { surroundings, startMs, now, logger } = this.options;
    const { runtimeId, endpoint, spec } = target;
    const storage = await this.openStorage(target, sessionId);
    const startedAtMs = now();
    const protocol = PROTOCOLS[spec.protocolConfiguration?.serverProtocol ?? "HTTP"];
    const sandbox = await RunningSandbox.start(await this.order(target, sessionId, storage), surroundings);
    const { idleRuntimeSessionTimeout, maxLifetime } = spec.lifecycleConfiguration;
    const lifecycle = { idleMs: idleRuntimeSessionTimeout * 1000, maxLifeMs: maxLifetime * 1000 };
    const session = new Session({ runtimeId, endpoint, sessionId, sandbox, lifecycle, pingPath: protocol.ping, now });
    const left = sandbox.ended.then(async (how) => {
      const current = this.sessions.get(key);
      // Another container may have taken its place.
      if (current !== undefined && (await Promise.allSettled([current])).some((one) => one.status === "fulfilled" && one.value === session))
        this.sessions.delete(key);
      if (storage !== null) await removeIfEmpty(storage.outside);
      return how;
    });
    try {
      await session.ready(startMs);
    } catch (error) {
      sandbox.kill();
      const how = await left;
      throw new AwsError("RuntimeClientError", `The runtime did not become healthy: ${how}. Its logs may say why.`, { cause: error });
    }
    logger.info({ runtimeId, endpoint, startMs: now() - startedAtMs }, "Session started");
    return session;
  }

  private async order(target: SessionTarget, sessionId: string, storage: { inside: string; outside: string } | null) {
    const { images, logs } = this.options;
    const { runtimeId, endpoint, spec, environment } = target;
    const image = await images.get(target.image);
    const group = `/aws/bedrock-agentcore/runtimes/${runtimeId}-${endpoint}`;
    const day = new Date(this.options.now()).toISOString().slice(0, 10).replaceAll("-", "/");
    const stream = `${day}/[runtime-logs-${sessionId}]${crypto.randomUUID()}`;
    return {
      agentId: target.agentId,
      view: await imageView(image.root),
      root: image.root,
      argv: image.argv,
      env: { ...DEFAULT_ENVIRONMENT, ...image.env, ...environment },
      workingDirectory: image.workingDirectory,
      port: PROTOCOLS[spec.protocolConfiguration?.serverProtocol ?? "HTTP"].port,
      writable: storage === null ? {} : { [storage.inside]: storage.outside },
      onLine: logs.writer(group, stream, createTextFilter(Object.values(environment))),
    };
  }

  private async openStorage({ runtimeId, spec }: SessionTarget, sessionId: string): Promise<{ inside: string; outside: string } | null> {
    const inside = spec.filesystemConfigurations?.[0]?.sessionStorage.mountPath.replace(/\/$/, "");
    if (inside === undefined) return null;
    const outside = join(this.options.storageDir, runtimeId, createHash("sha256").update(sessionId).digest("hex"));
    await mkdir(outside, { recursive: true, mode: 0o700 });
    const { uid } = this.options.surroundings.plan;
    if (uid !== null) await chown(outside, uid, uid);
    // When it was last used, for whoever removes what is not.
    await utimes(outside, this.options.now() / 1000, this.options.now() / 1000);
    return { inside, outside };
  }
}

function keyOf(runtimeId: string, endpoint: string, sessionId: string): string {
  return `${runtimeId}/${endpoint}/${sessionId}`;
}

/** A session that stores nothing leaves nothing behind. */
async function removeIfEmpty(folder: string): Promise<void> {
  try {
    await rmdir(folder);
  } catch (error) {
    if (!isSystemError(error, "ENOTEMPTY", "EEXIST", "ENOENT", "EBUSY")) throw error;
  }
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isSystemError(error, "ENOENT")) return [];
    throw error;
  }
}
