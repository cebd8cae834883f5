/** Work that runs at any time, but never beside an interruption, which waits for what runs and lets nothing begin. */
export class Turns {
  private running = 0;
  private interruption: Promise<unknown> | null = null;
  private idle: (() => void)[] = [];

  async run<T>(work: () => Promise<T>): Promise<T> {
    while (this.interruption !== null) await this.interruption;
    this.running += 1;
    try {
      return await work();
    } finally {
      this.running -= 1;
      if (this.running === 0) for (const wake of this.idle.splice(0)) wake();
    }
  }

  async interrupt<T>(work: () => Promise<T>): Promise<T> {
    while (this.interruption !== null) await this.interruption;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.interruption = promise;
    try {
      if (this.running > 0) await new Promise<void>((wake) => this.idle.push(wake));
      return await work();
    } finally {
      this.interruption = null;
      resolve();
    }
  }
}
