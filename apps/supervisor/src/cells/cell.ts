import { EventEmitter } from "node:events";
import { randomUUID } from "node:crypto";
import { connect } from "node:net";
import { setTimeout } from "node:timers/promises";
import { chown, mkdir, rm } from "node:fs/promises";
import type { Server } from "node:http";
import type { Heartbeat } from "@whs/runtimes/cell";
import type { Logger } from "@whs/platform/log";
import { closeServer } from "@whs/platform/sandbox";
import type { AgentCalls } from "../agent-calls.ts";
import type { Loads } from "../deployments/loads.ts";
import { isRunning, openFiles, residentBytes } from "../process-info.ts";
import type { Sandbox } from "../sandbox/sandbox.ts";
import { listenForCell, type Reports } from "./cell-control.ts";
import { CellGateway } from "./cell-gateway.ts";
import { CellProcess } from "./cell-process.ts";
import { livingOwner, removeOwner, writeOwner } from "./owner.ts";
import { StorageMeter } from "./storage-meter.ts";
import type { TenantPaths } from "./tenant.ts";
import { Turns } from "./turns.ts";
import { Watchdog, type WatchdogLimits } from "./watchdog.ts";

export interface CellDependencies {
  sandbox: Sandbox;
  config: Buffer;
  loads: Loads;
  reports: Reports;
  agentCalls: AgentCalls;
  listenForEgress(userId: string, socketPath: string, uid: number | null): Promise<Server>;
  watchdog: WatchdogLimits;
  idleMs: number;
  maxLoads: number;
  memoryBytes: number;
  /** Files that a cell's process may have open; it dies of the next one. */
  maxFiles: number;
  /** What the sessions of one tenant may take on the disk. */
  storageBytes: number;
  logger: Logger;
}

/** How a cell came to its end: `crashed` counts against it, the others do not. */
export type CellEnd = { crashed: boolean; reason: string };

/** A cell that uses this share of its memory is replaced, before the kernel ends it in the middle of its work. */
const FULL_MEMORY = 0.85;
/** So is one that has this share of its files open: sessions that were used lately keep theirs. */
const FULL_FILES = 0.7;
/** What runs when a cell is replaced has so long; new invocations wait for the next cell meanwhile. */
const DRAIN_MS = 5_000;
/** A cell that has loaded this many times its share of versions is replaced even while something runs in it. */
const OVERDUE = 2;
const POLL_MS = 20;
/** Well below the shortest time after which the watchdog acts. */
const LIFE_SIGN_MS = 25;
/** So long after the last invocation its writes may still come to the disk. */
const STILL_WRITING_MS = 5_000;
/** After SIGTERM a cell with nothing to do ends at once. */
const TERMINATE_MS = 1_000;

/** One tenant's running process with its sockets, its watchdog and its storage. */
export class Cell {
  readonly userId: string;
  /** Names this start of the tenant's cell. */
  readonly instance = randomUUID();
  readonly paths: TenantPaths;
  readonly gateway: CellGateway;
  /** Resolves when the process is gone and everything of it is cleared away. */
  readonly ended: Promise<CellEnd>;
  private readonly dependencies: CellDependencies;
  private readonly process: CellProcess;
  private readonly storage: StorageMeter;
  /** The supervisor's own doing among the tenant's files. */
  private readonly fileTurns: Turns;
  private readonly watchdog: Watchdog;
  private readonly storageWatch: NodeJS.Timeout;
  private stopping: string | null = null;
  private lastActiveMs = Date.now();
  private lastBeat: Heartbeat | null = null;
  private boundReached = false;

  private constructor(
    userId: string,
    paths: TenantPaths,
    dependencies: CellDependencies,
    process: CellProcess,
    storage: StorageMeter,
    fileTurns: Turns,
    servers: readonly Server[],
  ) {
    this.userId = userId;
    this.paths = paths;
    this.dependencies = dependencies;
    this.process = process;
    this.storage = storage;
    this.fileTurns = fileTurns;
    this.gateway = new CellGateway(paths.mainSocket);
    this.watchdog = new Watchdog({
      limits: dependencies.watchdog,
      pid: process.pid,
      ask: (signal) => this.gateway.heartbeat(storage.room, signal),
      onBeat: (beat) => void this.beat(beat),
      onHung: (reason) => this.killHung(reason),
    });
    this.watchdog.start();
    // Beside the heartbeats: a cell that is too busy to answer one is a cell that may be writing.
    this.storageWatch = setInterval(() => void this.boundStorage(), dependencies.watchdog.intervalMs);
    this.ended = this.clearAway(servers);
  }

  /** @throws Error when the process cannot be started. */
  static async start(userId: string, paths: TenantPaths, dependencies: CellDependencies): Promise<Cell> {
    const { sandbox, loads, reports, agentCalls, logger } = dependencies;
    await killLeftover(paths, logger);
    await prepareDirectories(paths, sandbox.cellUid);
    const storage = new StorageMeter(paths.sessionsDir, dependencies.storageBytes);
    const fileTurns = new Turns();
    const signsOfLife = new EventEmitter<{ sign: [] }>();
    const onRequest = () => signsOfLife.emit("sign");
    const servers = await Promise.all([
      listenForCell({ userId, paths, uid: sandbox.cellUid, loads, reports, agentCalls, storage, fileTurns, onRequest, logger }),
      dependencies.listenForEgress(userId, paths.egressSocket, sandbox.cellUid),
    ]);
    try {
      const startedAt = Date.now();
      const process = await CellProcess.start(sandbox, paths, dependencies.config, logger);
      await writeOwner(paths.ownerFile, process.pid);
      logger.info({ cell: paths.name, cellPid: process.pid, startMs: Date.now() - startedAt }, "Cell started");
      const cell = new Cell(userId, paths, dependencies, process, storage, fileTurns, servers);
      signsOfLife.on("sign", () => {
        cell.watchdog.signOfLife();
        cell.touch();
      });
      return cell;
    } catch (error) {
      await Promise.all(servers.map(closeServer));
      throw error;
    }
  }

  get isStopping(): boolean {
    return this.stopping !== null;
  }

  get idleSinceMs(): number {
    return (this.lastBeat?.inFlight ?? 0) > 0 ? Date.now() : this.lastActiveMs;
  }

  /** A process that is dying refuses connections before its end is known here. */
  async endUnlessReachable(): Promise<void> {
    if (await accepts(this.paths.mainSocket)) return;
    this.process.kill();
    await this.ended;
  }

  /** Whether its process has ended, waiting for that if it seems to be about to. */
  async hasEnded(withinMs: number): Promise<boolean> {
    return Promise.race([this.ended.then(() => true), setTimeout(withinMs, false, { ref: false })]);
  }

  touch(): void {
    this.lastActiveMs = Date.now();
  }

  /** Runs `work` while the process stands still: nothing of it ends, everything of it waits. */
  async whileStill<T>(work: () => Promise<T>): Promise<T> {
    // A process that is made to stand still is not stuck.
    const alive = setInterval(() => this.watchdog.signOfLife(), LIFE_SIGN_MS);
    this.watchdog.signOfLife();
    try {
      await this.process.freeze();
      return await this.fileTurns.interrupt(work);
    } finally {
      this.process.thaw();
      clearInterval(alive);
      this.watchdog.signOfLife();
    }
  }

  /** Sends new invocations away, lets what runs end until `drainMs` are over, and ends the process. */
  async stop(reason: string, drainMs: number): Promise<void> {
    if (this.stopping === null) {
      this.stopping = reason;
      this.watchdog.stop();
      await this.drained(Date.now() + drainMs);
      this.process.terminate();
      if (!(await this.hasEnded(TERMINATE_MS))) this.process.kill();
    }
    await this.ended;
  }

  /** Until nothing runs and nothing is left to report; a cell that does not answer is not waited for. */
  private async drained(untilMs: number): Promise<void> {
    const signal = AbortSignal.timeout(Math.max(1, untilMs - Date.now()));
    try {
      await this.gateway.drain(signal);
      for (;;) {
        const beat = await this.gateway.heartbeat(this.storage.room, signal);
        if (beat.inFlight === 0 && beat.pending === 0) return;
        await setTimeout(POLL_MS, undefined, { signal });
      }
    } catch (error) {
      this.dependencies.logger.debug({ err: error, cell: this.paths.name }, "A cell was not empty in time");
    }
  }

  private async beat(beat: Heartbeat): Promise<void> {
    const { idleMs, maxLoads, memoryBytes, maxFiles, logger } = this.dependencies;
    if (beat.dropped > (this.lastBeat?.dropped ?? 0))
      logger.warn({ cell: this.paths.name, dropped: beat.dropped }, "A cell dropped records that it could not deliver");
    this.lastBeat = beat;
    if (beat.inFlight > 0 || beat.pending > 0) this.touch();
    const idle = beat.inFlight === 0 && beat.pending === 0;
    if (idle && Date.now() - this.lastActiveMs > idleMs) return this.stop("idle", DRAIN_MS);
    if (beat.loads > (idle ? maxLoads : maxLoads * OVERDUE)) return this.stop(`recycled after ${beat.loads} loads`, DRAIN_MS);
    const resident = await residentBytes(this.process.pid);
    if (resident !== null && resident > memoryBytes * FULL_MEMORY)
      return this.stop(`recycled at ${Math.round(resident / 1e6)} MB`, DRAIN_MS);
    // Counting them costs more than a heartbeat, and whoever does nothing opens none.
    const files = idle ? null : await openFiles(this.process.pid);
    if (files !== null && files > maxFiles * FULL_FILES) await this.stop(`recycled at ${files} open files`, DRAIN_MS);
  }

  /** Agents are told, and stop; those that do not are stopped, and their sessions are not run while they take too much. */
  private async boundStorage(): Promise<void> {
    if (Date.now() - this.idleSinceMs > STILL_WRITING_MS) return;
    await this.storage.measureAgain();
    if (!this.storage.isFarBeyond || this.boundReached || this.stopping !== null) return;
    this.boundReached = true;
    this.dependencies.logger.warn(
      { cell: this.paths.name, leftBytes: this.storage.room.leftBytes },
      "A tenant's sessions are far beyond their quota",
    );
    await this.stop("its sessions take too much storage", 0);
  }

  private killHung(reason: string): void {
    this.dependencies.logger.warn({ cell: this.paths.name, reason }, "Cell killed");
    this.process.kill();
  }

  private async clearAway(servers: readonly Server[]): Promise<CellEnd> {
    const how = await this.process.ended;
    this.watchdog.stop();
    clearInterval(this.storageWatch);
    await Promise.all([...servers.map(closeServer), this.gateway.close()]);
    await removeOwner(this.paths.ownerFile);
    await rm(this.paths.runDir, { recursive: true, force: true });
    await this.dependencies.sandbox.release(this.paths.name);
    const end = { crashed: this.stopping === null, reason: this.stopping ?? how };
    this.dependencies.logger[end.crashed ? "warn" : "info"]({ cell: this.paths.name, reason: end.reason }, "Cell ended");
    return end;
  }
}

function accepts(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(socketPath);
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}

async function prepareDirectories(paths: TenantPaths, uid: number | null): Promise<void> {
  await rm(paths.runDir, { recursive: true, force: true });
  for (const folder of [paths.runDir, paths.storageDir]) {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    if (uid !== null) await chown(folder, uid, uid);
  }
}

/** A cell that outlived a killed supervisor would share its storage with the new one. */
async function killLeftover(paths: TenantPaths, logger: Logger): Promise<void> {
  const owner = await livingOwner(paths.ownerFile);
  if (owner === null) return;
  logger.warn({ cell: paths.name, cellPid: owner.pid }, "Cell of an earlier supervisor killed");
  process.kill(owner.pid, "SIGKILL");
  while (await isRunning(owner)) await setTimeout(POLL_MS);
}
