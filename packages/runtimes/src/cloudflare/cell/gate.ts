/** Lets so many run at once, and others wait in line: each request of a cell to its supervisor takes a file of the process. */
export class Gate {
  private readonly mostWaiting: number;
  private readonly line: (() => void)[] = [];
  private running = 0;

  constructor(mostWaiting: number) {
    this.mostWaiting = mostWaiting;
  }

  /** @throws RangeError when the line is full. */
  async run<T>(most: number, work: () => Promise<T>): Promise<T> {
    if (this.running >= most) {
      if (this.line.length >= this.mostWaiting) throw new RangeError(`More than ${this.mostWaiting} requests are waiting.`);
      // Whoever ends hands over its place, so that nobody gets in between.
      await new Promise<void>((resolve) => this.line.push(resolve));
    } else this.running += 1;
    try {
      return await work();
    } finally {
      const next = this.line.shift();
      if (next === undefined) this.running -= 1;
      else next();
    }
  }
}
