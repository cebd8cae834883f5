import type { Heartbeat } from "@whs/runtimes/cell";
import { mainThreadMs } from "../process-info.ts";

export interface WatchdogLimits {
  /** Between one answered heartbeat and the next. */
  intervalMs: number;
  /** Computing without an answer: agent code that does not come back. Counted in the cell's own CPU time, so that a busy machine kills nobody. */
  cpuMs: number;
  /** Without an answer whatever the reason. */
  wallMs: number;
}

/** While an answer is outstanding the cell is looked at this often. */
const LOOK_MS = 100;

/** Asks a cell for its heartbeat as long as it lives; calls `hung` once when it does not answer. */
export class Watchdog {
  private readonly limits: WatchdogLimits;
  private readonly pid: number;
  private readonly ask: (signal: AbortSignal) => Promise<Heartbeat>;
  private readonly onBeat: (beat: Heartbeat) => void;
  private readonly onHung: (reason: string) => void;
  private readonly stopped = new AbortController();
  private timer: NodeJS.Timeout | undefined;

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

  stop(): void {
    clearTimeout(this.timer);
    this.stopped.abort();
  }

  private async beat(): Promise<void> {
    const askedAt = Date.now();
    const cpuAtStart = await mainThreadMs(this.pid);
    const looking = setInterval(() => void this.look(askedAt, cpuAtStart), LOOK_MS);
    try {
      this.onBeat(await this.ask(this.stopped.signal));
      this.start();
    } catch (error) {
      if (!this.stopped.signal.aborted) this.hung(`its heartbeat failed: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      clearInterval(looking);
    }
  }

  private async look(askedAt: number, cpuAtStart: number | null): Promise<void> {
    const waitedMs = Date.now() - askedAt;
    const cpu = await mainThreadMs(this.pid);
    const computedMs = cpu === null || cpuAtStart === null ? waitedMs : cpu - cpuAtStart;
    if (this.stopped.signal.aborted) return;
    if (computedMs >= this.limits.cpuMs) this.hung(`it computed for ${Math.round(computedMs)} ms without coming back`);
    else if (waitedMs >= this.limits.wallMs) this.hung(`it did not answer for ${waitedMs} ms`);
  }

  private hung(reason: string): void {
    if (this.stopped.signal.aborted) return;
    this.stop();
    this.onHung(reason);
  }
}
