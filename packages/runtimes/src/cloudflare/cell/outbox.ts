import type { CellEnv } from "./env.ts";

/** Time that a batch may grow before it leaves: short enough to be read as "at once" by a person. */
const GATHER_MS = 20;
/** A sender that has not come back after this was cancelled with its request; another one takes over. */
const STALLED_MS = 10_000;
const BATCH = 500;
/** UTF-16 units of a batch, beyond which it holds one record; as JSON in UTF-8 they are at most six times as many bytes. */
const BATCH_UNITS = 1024 * 1024;
/** UTF-16 units of all records that wait: they live in the dispatcher's own heap. */
const BUFFER_UNITS = 16 * 1024 * 1024;

/**
 * Records on their way to the supervisor: bounded, in batches, one request in flight. One request a record
 * exhausts workerd's connections under load.
 */
export class Outbox<T> {
  private readonly path: string;
  private readonly sizeOf: (record: T) => number;
  private records: T[] = [];
  private units = 0;
  private sendingSince: number | null = null;
  dropped = 0;

  /** `sizeOf`: UTF-16 units, for records that may be large. */
  constructor(path: string, sizeOf: (record: T) => number = () => 0) {
    this.path = path;
    this.sizeOf = sizeOf;
  }

  get pending(): number {
    return this.records.length;
  }

  push(record: T, env: CellEnv): void {
    const units = this.sizeOf(record);
    if (this.records.length >= env.LIMITS.maxBuffered || this.units + units > BUFFER_UNITS) {
      this.dropped += 1;
      return;
    }
    this.records.push(record);
    this.units += units;
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
        const batch = this.nextBatch();
        const response = await env.CONTROL.fetch(`http://control${this.path}`, { method: "POST", body: JSON.stringify(batch) });
        await response.arrayBuffer();
        // Kept until the supervisor has them; the heartbeat of the next second tries again.
        if (!response.ok) return;
        for (const record of this.records.splice(0, batch.length)) this.units -= this.sizeOf(record);
      }
    } finally {
      this.sendingSince = null;
    }
  }
  private nextBatch(): T[] {
    let units = 0;
    const end = this.records.findIndex((record, index) => {
      units += this.sizeOf(record);
      return index > 0 && (index >= BATCH || units > BATCH_UNITS);
    });
    return end === -1 ? [...this.records] : this.records.slice(0, end);
  }
}
