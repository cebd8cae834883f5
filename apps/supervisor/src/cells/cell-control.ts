import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Server } from "node:http";
import type { AgentCallOrder, InvocationRecord, LogRecord, SessionList } from "@whs/runtimes/cell";
import { ProviderError } from "@whs/runtimes";
import { isSystemError } from "@whs/platform/durable-files";
import type { Logger } from "@whs/platform/log";
import type { AgentCalls } from "../agent-calls.ts";
import { type JsonRequest, listenJson } from "../json-server.ts";
import type { Loads } from "../deployments/loads.ts";
import type { StorageMeter } from "./storage-meter.ts";
import type { Turns } from "./turns.ts";
import type { TenantPaths } from "./tenant.ts";

/** Where a cell's reports go. */
export interface Reports {
  telemetry(userId: string, records: readonly InvocationRecord[]): Promise<void>;
  logs(userId: string, records: readonly LogRecord[]): void;
}

/** Code for 25 MiB of modules in base64 with secrets is an answer, not a request; reports are bounded by their batches. */
const MAX_REPORT_BYTES = 16 * 1024 * 1024;
const AGENT_ID = /^[A-Za-z0-9_-]{1,128}$/;
const OBJECT_ID = /^[0-9a-f]{64}$/;

export interface CellControlOptions {
  userId: string;
  paths: TenantPaths;
  /** The user that the cell runs as. */
  uid: number | null;
  loads: Loads;
  reports: Reports;
  agentCalls: AgentCalls;
  storage: StorageMeter;
  fileTurns: Turns;
  /** Whatever the cell asks for shows that it is alive. */
  onRequest: () => void;
  logger: Logger;
}

/**
 * What a cell may ask. Each cell has a socket of its own, so that whose it is follows from where it asked, and a cell
 * that was taken over from within still gets nothing but its own tenant's code.
 */
export function listenForCell({
  userId,
  paths,
  uid,
  loads,
  reports,
  agentCalls,
  storage,
  fileTurns,
  onRequest,
  logger,
}: CellControlOptions): Promise<Server> {
  const handler = async (request: JsonRequest): Promise<unknown> => {
    onRequest();
    const [noun, first = "", second = ""] = request.path;
    if (noun === "deployments") return loads.ticket(userId, first, request.query.get("failed") ?? undefined);
    if (noun === "loads") return loads.code(userId, first);
    if (noun === "telemetry") return reports.telemetry(userId, (await request.body()) as InvocationRecord[]);
    if (noun === "logs") return reports.logs(userId, (await request.body()) as LogRecord[]);
    if (noun === "agent-calls") return agentCalls.carryOut((await request.body()) as AgentCallOrder, request.signal);
    if (noun === "sessions" && first === "") return listSessions(paths, storage);
    if (noun === "sessions" && AGENT_ID.test(first) && OBJECT_ID.test(second)) {
      return fileTurns.run(() => (request.method === "PUT" ? noteSession(paths, first, second) : forgetSession(paths, first, second)));
    }
    throw new ProviderError("not_found", "There is no such control request.");
  };
  return listenJson({ socketPath: paths.controlSocket, maxBodyBytes: MAX_REPORT_BYTES, uid, handler, logger });
}

/** Noted before the object exists: an entry too many is harmless, a session that nobody finds would stay for ever. */
async function noteSession({ sessionIndexDir }: TenantPaths, agentId: string, objectId: string): Promise<void> {
  const folder = join(sessionIndexDir, agentId);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, objectId), "");
}

/** The session's object is gone from the cell; workerd leaves its files. */
async function forgetSession(paths: TenantPaths, agentId: string, objectId: string): Promise<void> {
  await removeSessionFiles(paths, objectId);
  await rm(join(paths.sessionIndexDir, agentId, objectId), { force: true });
}

/** More than this a cell need not know by heart. */
const MAX_LISTED = 50_000;

async function listSessions(paths: TenantPaths, storage: StorageMeter): Promise<SessionList> {
  await storage.measure();
  const { room } = storage;
  const objectIds: string[] = [];
  for (const agentId of await listFolder(paths.sessionIndexDir)) {
    objectIds.push(...(await sessionsOfAgent(paths, agentId)));
    if (objectIds.length > MAX_LISTED) return { complete: false, objectIds: [], room };
  }
  return { complete: true, objectIds, room };
}

/** Objects of an agent's sessions. */
export function sessionsOfAgent({ sessionIndexDir }: TenantPaths, agentId: string): Promise<string[]> {
  return listFolder(join(sessionIndexDir, agentId));
}

async function listFolder(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isSystemError(error, "ENOENT")) return [];
    throw error;
  }
}

/** Names that workerd gives a session's files: its own database, its facet's, and the list of facets. */
const SESSION_FILE_ENDINGS = [".sqlite", ".1.sqlite"].flatMap((name) => [name, `${name}-wal`, `${name}-shm`]).concat(".facets");

export async function removeSessionFiles({ sessionsDir }: TenantPaths, objectId: string): Promise<void> {
  await Promise.all(SESSION_FILE_ENDINGS.map((ending) => rm(join(sessionsDir, objectId + ending), { force: true })));
}
