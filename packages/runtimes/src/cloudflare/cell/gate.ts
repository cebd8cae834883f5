/** Of those who wait, so many look in a second whether it is their turn. */
const LOOKS_PER_SECOND = 2_000;
const SHORTEST_LOOK_MS = 2;
/** A place that was not given back for so long was lost with the request that had it; no request takes longer. */
const LOST_AFTER_MS = 360_000;

/**
 * Lets so many run at once, and others wait: each request of a cell to its supervisor takes files of the process.
 *
 * Who waits looks again and again by a timer of its own: workerd takes a request that waits for nothing but the promise of
 * another request for hung, and ends it.
 */
export class Gate {
  private readonly mostWaiting: number;
  /** Of each that runs: when it began. */
  private readonly running = new Set<{ since: number }>();
  private waiting = 0;

  constructor(mostWaiting: number) {
    this.mostWaiting = mostWaiting;
  }

  /** @throws RangeError when too many wait. */
  async run<T>(most: number, work: () => Promise<T>): Promise<T> {
    if (!this.hasRoom(most)) await this.turn(most);
    const place = { since: Date.now() };
    this.running.add(place);
    try {
      return await work();
    } finally {
      this.running.delete(place);
    }
  }

  private async turn(most: number): Promise<void> {
    if (this.waiting >= this.mostWaiting) throw new RangeError(`More than ${this.mostWaiting} requests are waiting.`);
    this.waiting += 1;
    try {
      do await new Promise((resolve) => setTimeout(resolve, Math.max(SHORTEST_LOOK_MS, (this.waiting * 1000) / LOOKS_PER_SECOND)));
      while (!this.hasRoom(most));
    } finally {
      this.waiting -= 1;
    }
  }

  private hasRoom(most: number): boolean {
    if (this.running.size < most) return true;
    const [oldest] = this.running;
    if (oldest !== undefined && Date.now() - oldest.since > LOST_AFTER_MS) this.running.delete(oldest);
    return this.running.size < most;
  }
}
