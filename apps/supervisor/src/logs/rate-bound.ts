/** A token bucket: `perSecond` on average, ten seconds' worth at once. */
export class RateBound {
  private readonly perSecond: number;
  private tokens: number;
  private filledAt: number;
  /** What was refused since the last time somebody asked. */
  private refused = 0;

  constructor(perSecond: number, nowMs: number) {
    this.perSecond = perSecond;
    this.tokens = perSecond * BURST_SECONDS;
    this.filledAt = nowMs;
  }

  take(nowMs: number): boolean {
    this.tokens = Math.min(this.perSecond * BURST_SECONDS, this.tokens + ((nowMs - this.filledAt) / 1000) * this.perSecond);
    this.filledAt = nowMs;
    if (this.tokens < 1) {
      this.refused += 1;
      return false;
    }
    this.tokens -= 1;
    return true;
  }

  takeRefused(): number {
    const { refused } = this;
    this.refused = 0;
    return refused;
  }
}

const BURST_SECONDS = 10;
