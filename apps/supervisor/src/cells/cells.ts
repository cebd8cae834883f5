import { ProviderError } from "@whs/runtimes";
import { Cell, type CellDependencies } from "./cell.ts";
import { tenantPaths } from "./tenant.ts";

export interface CellsOptions extends CellDependencies {
  runDir: string;
  storageDir: string;
  maxRunning: number;
  /** The tenant's cell is gone. */
  onEnded(userId: string): void;
}

/** Crashes older than this are forgiven. */
const CRASH_WINDOW_MS = 60_000;
/** So many crashes in the window are answered with an immediate start; after that each waits twice as long as the last. */
const FREE_CRASHES = 3;
const MAX_BACKOFF_MS = 30_000;

/** The cells of this node: at most one a tenant, started on demand. */
export class Cells {
  private readonly options: CellsOptions;
  private readonly starting = new Map<string, Promise<Cell>>();
  private readonly running = new Map<string, Cell>();
  private readonly crashes = new Map<string, number[]>();
  /** Tenants whose storage is being removed. */
  private readonly held = new Map<string, Promise<unknown>>();
  private closed = false;

  constructor(options: CellsOptions) {
    this.options = options;
  }

  get count(): number {
    return this.running.size + this.starting.size;
  }

  get limit(): number {
    return this.options.maxRunning;
  }

  /** The tenant's cell if it takes requests now. */
  peek(userId: string): Cell | undefined {
    const cell = this.running.get(userId);
    return cell?.isStopping === true ? undefined : cell;
  }

  /** @throws ProviderError `capacity` or `transient` when it cannot be started now. */
  ensure(userId: string): Promise<Cell> {
    const cell = this.peek(userId);
    if (cell !== undefined) {
      cell.touch();
      return Promise.resolve(cell);
    }
    const known = this.starting.get(userId);
    if (known !== undefined) return known;
    const started = this.start(userId).finally(() => this.starting.delete(userId));
    this.starting.set(userId, started);
    return started;
  }

  /** Makes sure that a cell which refused a connection is not taken for a running one. */
  async checkAlive(userId: string, instance: string): Promise<void> {
    const cell = this.peek(userId);
    if (cell?.instance === instance) await cell.endUnlessReachable();
  }

  /** Ends the tenant's cell, if there is one, and keeps it from starting until `whileStopped` is done. */
  async exclusively<T>(
    userId: string,
    { reason, drainMs }: { reason: string; drainMs: number },
    whileStopped: () => Promise<T>,
  ): Promise<T> {
    await Promise.allSettled([this.starting.get(userId)]);
    const run = async () => {
      await this.running.get(userId)?.stop(reason, drainMs);
      return whileStopped();
    };
    const done = run();
    this.held.set(userId, done);
    return done.finally(() => this.held.delete(userId));
  }

  /** Runs `work` while nothing of the tenant writes: its process stands still meanwhile, or does not start. */
  async whileStill<T>(userId: string, work: () => Promise<T>): Promise<T> {
    await Promise.allSettled([this.starting.get(userId)]);
    const cell = this.peek(userId);
    if (cell !== undefined) return cell.whileStill(work);
    return this.exclusively(userId, { reason: "its tenant's storage is copied", drainMs: 1_000 }, work);
  }

  async close(drainMs: number): Promise<void> {
    this.closed = true;
    await Promise.allSettled(this.starting.values());
    await Promise.all([...this.running.values()].map((cell) => cell.stop("the supervisor stops", drainMs)));
  }

  private async start(userId: string): Promise<Cell> {
    await this.running.get(userId)?.ended;
    await Promise.allSettled([this.held.get(userId)]);
    if (this.closed) throw new ProviderError("transient", "The data plane is stopping.", { reached: false });
    this.refuseCrashLoop(userId);
    await this.makeRoom();
    const cell = await Cell.start(userId, tenantPaths(this.options, userId), this.options).catch((cause: unknown) => {
      this.noteCrash(userId);
      throw new ProviderError("transient", "The agent's process cannot be started.", { reached: false, cause });
    });
    this.running.set(userId, cell);
    void cell.ended.then(({ crashed }) => {
      if (this.running.get(userId) === cell) this.running.delete(userId);
      if (crashed) this.noteCrash(userId);
      this.options.onEnded(userId);
    });
    return cell;
  }

  private async makeRoom(): Promise<void> {
    if (this.running.size < this.options.maxRunning) return;
    const idle = [...this.running.values()].filter((cell) => !cell.isStopping).toSorted((a, b) => a.idleSinceMs - b.idleSinceMs)[0];
    if (idle === undefined || Date.now() - idle.idleSinceMs < this.options.watchdog.intervalMs * 2) {
      throw new ProviderError("capacity", "All processes of this node are in use.", { reached: false });
    }
    await idle.stop("makes room for another tenant", 1_000);
  }

  private noteCrash(userId: string): void {
    this.crashes.set(userId, [...this.recentCrashes(userId), Date.now()]);
  }

  private recentCrashes(userId: string): number[] {
    return (this.crashes.get(userId) ?? []).filter((at) => Date.now() - at < CRASH_WINDOW_MS);
  }

  private refuseCrashLoop(userId: string): void {
    const recent = this.recentCrashes(userId);
    if (recent.length === 0) this.crashes.delete(userId);
    const last = recent.at(-1);
    if (last === undefined || recent.length <= FREE_CRASHES) return;
    const waitMs = last + Math.min(MAX_BACKOFF_MS, 1000 * 2 ** (recent.length - FREE_CRASHES - 1)) - Date.now();
    if (waitMs <= 0) return;
    throw new ProviderError(
      "transient",
      `The agent's process ended ${recent.length} times within a minute; it is started again in ${Math.ceil(waitMs / 1000)} s.`,
      { reached: false },
    );
  }
}
