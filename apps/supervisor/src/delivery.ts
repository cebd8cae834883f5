/** Waits between tries to reach the control plane: from a blink to half a minute, each a little off, so that nodes do not call in step. */
export class Backoff {
  private failures = 0;

  reset(): void {
    this.failures = 0;
  }

  nextMs(): number {
    const base = Math.min(30_000, 200 * 2 ** this.failures);
    this.failures += 1;
    return base * (0.75 + Math.random() / 2);
  }
}

/** Resolves after `ms`, or as soon as `signal` aborts. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end, { once: true });
  });
}
