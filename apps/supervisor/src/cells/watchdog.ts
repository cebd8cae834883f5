import type { Heartbeat } from "@whs/runtimes/cell";
import { mainThreadMs } from "../process-info.ts";

export interface WatchdogLimits {
  /** Between one answered heartbeat and the next. */
  intervalMs: number;
  /**
   * Computing without any sign of life: agent code that does not come back. Counted in the cell's own CPU time, so that a
   * busy machine kills nobody, and from the last sign of life, so that many short invocations are not taken for a long one.
   */
  cpuMs: number;
  /** Without an answer whatever the reason. */
  wallMs: number;
}

/** While an answer is outstanding the cell is looked at this often. */
const LOOK_MS = 100;

/** Since when there was no sign of life, and how much the cell had computed by then. */
interface Wait {
  sinceMs: number;
  cpuMs: number | null;
  signs: number;
}

/** Asks a cell for its heartbeat as long as it lives; calls `hung` once when it does not answer. */
export class Watchdog {
  private readonly limits: WatchdogLimits;
  private readonly pid: number;
  private readonly ask: (signal: AbortSignal) => Promise<Heartbeat>;
  private readonly onBeat: (beat: Heartbeat) => void;
  private readonly onHung: (reason: string) => void;
  private readonly stopped = new AbortController();
  private timer: NodeJS.Timeout | undefined;
  private signs = 0;

  constructor(options: {
    limits: WatchdogLimits;
    pid: number;
    ask: (signal: AbortSignal) => Promise<Heartbeat>;
    onBeat: (beat: Heartbeat) => void;
    onHung: (reason: string) => void;
  }) {
    this.limits = options.limits;
    this.pid = options.pid;
    this.ask = options.ask;
    this.onBeat = options.onBeat;
    this.onHung = options.onHung;
  }

  start(): void {
    this.timer = setTimeout(() => void this.beat(), this.limits.intervalMs);
  }

  /** The cell's own doing shows that its thread is not stuck, even while its heartbeat waits in line. */
  signOfLife(): void {
    this.signs += 1;
  }

  stop(): void {
    clearTimeout(this.timer);
    this.stopped.abort();
  }

  private async beat(): Promise<void> {
    const wait: Wait = { sinceMs: Date.now(), cpuMs: await mainThreadMs(this.pid), signs: this.signs };
    const looking = setInterval(() => void this.look(wait), LOOK_MS);
    try {
      this.onBeat(await this.ask(this.stopped.signal));
      this.start();
    } catch (error) {
      if (!this.stopped.signal.aborted) this.hung(`its heartbeat failed: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      clearInterval(looking);
    }
  }

  private async look(wait: Wait): Promise<void> {
    const now = Date.now();
    const cpuMs = await mainThreadMs(this.pid);
    if (this.stopped.signal.aborted) return;
    if (wait.signs !== this.signs) return void Object.assign(wait, { sinceMs: now, cpuMs, signs: this.signs });
    const waitedMs = now - wait.sinceMs;
    const computedMs = cpuMs === null || wait.cpuMs === null ? waitedMs : cpuMs - wait.cpuMs;
    if (computedMs >= this.limits.cpuMs) this.hung(`it computed for ${Math.round(computedMs)} ms without coming back`);
    else if (waitedMs >= this.limits.wallMs) this.hung(`it did not answer for ${waitedMs} ms`);
  }

  private hung(reason: string): void {
    if (this.stopped.signal.aborted) return;
    this.stop();
    this.onHung(reason);
  }
}
