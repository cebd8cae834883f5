const WINDOW_MS = 5 * 60_000;

/** So many requests in any five minutes, as Cloudflare allows each token. */
export class RequestAllowance {
  private readonly most: number;
  private taken: number[] = [];

  constructor(most: number) {
    this.most = most;
  }

  /** 0 when the request may go on, else the seconds until one may. */
  take(nowMs: number): number {
    this.taken = this.taken.filter((at) => at > nowMs - WINDOW_MS);
    const [oldest = nowMs] = this.taken;
    if (this.taken.length >= this.most) return Math.ceil((oldest + WINDOW_MS - nowMs) / 1000);
    this.taken.push(nowMs);
    return 0;
  }
}
