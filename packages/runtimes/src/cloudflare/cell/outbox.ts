import type { CellEnv } from "./env.ts";

/** Time that a batch may grow before it leaves: short enough to be read as "at once" by a person. */
const GATHER_MS = 20;
/** A sender that has not come back after this was cancelled with its request; another one takes over. */
const STALLED_MS = 10_000;
const BATCH = 500;

/**
 * Records on their way to the supervisor: bounded, in batches, one request in flight. One request a record
 * exhausts workerd's connections under load.
 */
export class Outbox<T> {
  private readonly path: string;
  private records: T[] = [];
  private sendingSince: number | null = null;
  dropped = 0;

  constructor(path: string) {
    this.path = path;
  }

  get pending(): number {
    return this.records.length;
  }

  push(record: T, env: CellEnv): void {
    if (this.records.length >= env.LIMITS.maxBuffered) this.dropped += 1;
    else this.records.push(record);
  }

  /** Hands `waitUntil` the sending when nobody else does it, so that no request waits for it. */
  flush(env: CellEnv, waitUntil: (promise: Promise<unknown>) => void): void {
    if (this.records.length === 0) return;
    if (this.sendingSince !== null && Date.now() - this.sendingSince < STALLED_MS) return;
    this.sendingSince = Date.now();
    waitUntil(this.send(env));
  }

  private async send(env: CellEnv): Promise<void> {
    try {
      await new Promise((resolve) => setTimeout(resolve, GATHER_MS));
      while (this.records.length > 0) {
        this.sendingSince = Date.now();
        const batch = this.records.slice(0, BATCH);
        const response = await env.CONTROL.fetch(`http://control${this.path}`, { method: "POST", body: JSON.stringify(batch) });
        await response.arrayBuffer();
        // Kept until the supervisor has them; the heartbeat of the next second tries again.
        if (!response.ok) return;
        this.records.splice(0, batch.length);
      }
    } finally {
      this.sendingSince = null;
    }
  }
}
