import type { Entitlements } from "@whs/api";
import { AppError } from "@whs/platform/errors";

/** A place among the user's running invocations. */
export interface Slot {
  /** `RateLimit-*` headers for the answer. */
  headers: Readonly<Record<string, string>>;
  leave(): void;
}

export interface Rates {
  /** @throws AppError `RATE_LIMITED` with `Retry-After`. */
  enter(userId: string, entitlements: Pick<Entitlements, "maxConcurrentInvocations" | "maxRequestsPerSecond">): Slot;
}

interface Bucket {
  /** Requests that may still start in this second. */
  tokens: number;
  refilledAt: number;
  running: number;
}

const maxIdleBuckets = 50_000;

/**
 * Requests a second (a token bucket that holds one second's worth) and invocations at once, by user. Each gateway
 * enforces its part: the plan's figure divided by how many gateways are live, and at least one.
 */
export function createRates(options: { gateways: () => number; nowMs?: () => number }): Rates {
  const nowMs = options.nowMs ?? (() => performance.now());
  const buckets = new Map<string, Bucket>();
  const bucketOf = (userId: string, capacity: number): Bucket => {
    let bucket = buckets.get(userId);
    if (bucket === undefined) {
      if (buckets.size >= maxIdleBuckets) dropIdle(buckets);
      bucket = { tokens: capacity, refilledAt: nowMs(), running: 0 };
      buckets.set(userId, bucket);
    }
    return bucket;
  };
  return {
    enter(userId, entitlements) {
      const share = (limit: number): number => Math.max(1, Math.floor(limit / Math.max(1, options.gateways())));
      const perSecond = share(entitlements.maxRequestsPerSecond);
      const atOnce = share(entitlements.maxConcurrentInvocations);
      const bucket = bucketOf(userId, perSecond);
      const now = nowMs();
      bucket.tokens = Math.min(perSecond, bucket.tokens + ((now - bucket.refilledAt) / 1000) * perSecond);
      bucket.refilledAt = now;
      const headers = (): Record<string, string> => ({
        "ratelimit-limit": String(perSecond),
        "ratelimit-remaining": String(Math.floor(Math.max(0, bucket.tokens))),
        "ratelimit-reset": String(Math.max(1, Math.ceil((perSecond - bucket.tokens) / perSecond))),
      });
      if (bucket.tokens < 1)
        throw new AppError("RATE_LIMITED", `More than ${entitlements.maxRequestsPerSecond} requests a second; slow down.`, {
          headers: headers(),
          retryAfterSeconds: 1,
          details: { limit: entitlements.maxRequestsPerSecond, window: "second" },
        });
      if (bucket.running >= atOnce)
        throw new AppError(
          "RATE_LIMITED",
          `${entitlements.maxConcurrentInvocations} invocations are running already; wait for one to end.`,
          { headers: headers(), retryAfterSeconds: 1, details: { limit: entitlements.maxConcurrentInvocations, window: "concurrent" } },
        );
      bucket.tokens -= 1;
      bucket.running += 1;
      let inside = true;
      return {
        headers: headers(),
        leave() {
          if (inside) bucket.running -= 1;
          inside = false;
        },
      };
    },
  };
}

function dropIdle(buckets: Map<string, Bucket>): void {
  for (const [userId, bucket] of buckets) if (bucket.running === 0) buckets.delete(userId);
}
