import { createHash } from "node:crypto";
import { createMemoryStore } from "./memory-store.ts";
import type { RateDecision, RateLimits, RateRule, RateStore, TakenPoints, WindowState } from "./port.ts";

/** The part of a logger that limits use. */
export interface RateLimitsLog {
  warn(fields: object, message: string): void;
}

export interface RateLimitsOptions {
  store: RateStore;
  log: RateLimitsLog;
  /** How many processes share the limits: without the store each enforces its part. Default 1. */
  processes?: () => number;
  /** Told of each time that the store did not answer. */
  onStoreFailure?: () => void;
  /** Monotonic milliseconds. */
  nowMs?: () => number;
}

/** A store that has not answered by then counts as unreachable. */
const storeTimeoutMs = 2_000;
/** How long an unreachable store is left alone; then one request tries it. */
const retryAfterMs = 1_000;
const maxKnownRefusals = 50_000;

/**
 * Shared limits over a store. A key whose window is used up is refused from memory until the window ends. While the store
 * cannot be reached, each process limits by its own memory, at its part of the limit and at least one.
 */
export function createRateLimits(options: RateLimitsOptions): RateLimits {
  const nowMs = options.nowMs ?? (() => performance.now());
  const processes = options.processes ?? (() => 1);
  const memory = createMemoryStore({ nowMs });
  const usedUp = new Map<string, number>();
  let retryAt = 0;
  let degraded = false;

  const askStore = async (key: string, rule: RateRule, points: number): Promise<WindowState> => {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`The store of rate limits has not answered for ${storeTimeoutMs} ms`)), storeTimeoutMs);
    });
    try {
      return await Promise.race([options.store.add(key, rule, points), late]);
    } finally {
      clearTimeout(timer);
    }
  };
  const add = async (key: string, rule: RateRule, points: number): Promise<WindowState & { limit: number }> => {
    if (!degraded || nowMs() >= retryAt) {
      // While this one tries, the others do not wait for an answer that may not come.
      if (degraded) retryAt = nowMs() + storeTimeoutMs + retryAfterMs;
      try {
        const state = await askStore(key, rule, points);
        if (degraded) options.log.warn({}, "The store of rate limits is back: limits are shared again");
        degraded = false;
        return { ...state, limit: rule.limit };
      } catch (err) {
        retryAt = nowMs() + retryAfterMs;
        options.onStoreFailure?.();
        if (!degraded)
          options.log.warn({ err, processes: processes() }, "The store of rate limits cannot be reached: each process limits on its own");
        degraded = true;
      }
    }
    const limit = Math.max(1, Math.floor(rule.limit / Math.max(1, processes())));
    return { ...(await memory.add(key, rule, points)), limit };
  };
  const remember = (key: string, { total, resetMs, limit }: WindowState & { limit: number }): void => {
    if (total < limit) return;
    usedUp.delete(key);
    usedUp.set(key, nowMs() + resetMs);
    const oldest = usedUp.keys().next();
    if (usedUp.size > maxKnownRefusals && !oldest.done) usedUp.delete(oldest.value);
  };
  /** Milliseconds until the end of a window that is known to be used up. */
  const knownResetMs = (key: string): number | undefined => {
    const until = usedUp.get(key);
    if (until === undefined) return undefined;
    if (until > nowMs()) return until - nowMs();
    usedUp.delete(key);
    return undefined;
  };
  const refusal = (key: string, { limit }: RateRule): RateDecision | undefined => {
    const resetMs = knownResetMs(key);
    return resetMs === undefined ? undefined : { allowed: false, limit, remaining: 0, resetSeconds: toSeconds(resetMs) };
  };

  return {
    get degraded() {
      return degraded;
    },
    async consume(scope, key, rule, points = 1) {
      const name = nameOf(scope, key);
      const known = refusal(name, rule);
      if (known !== undefined) return known;
      const state = await add(name, rule, points);
      remember(name, state);
      const { total, limit, resetMs } = state;
      return { allowed: total <= limit, limit, remaining: Math.max(0, limit - total), resetSeconds: toSeconds(resetMs) };
    },
    async take(scope, key, rule, points): Promise<TakenPoints> {
      const name = nameOf(scope, key);
      const knownMs = knownResetMs(name);
      if (knownMs !== undefined) return { taken: 0, limit: rule.limit, remaining: 0, resetMs: knownMs };
      const state = await add(name, rule, points);
      remember(name, state);
      const { total, limit, resetMs } = state;
      const before = total - points;
      return { taken: Math.min(points, Math.max(0, limit - before)), limit, remaining: Math.max(0, limit - total), resetMs };
    },
    knownRefusal: (scope, key, rule) => (usedUp.size === 0 ? undefined : refusal(nameOf(scope, key), rule)),
    close: () => options.store.close(),
  };
}

/** Addresses and ids are not kept in a store, and a key has a bounded length. */
function nameOf(scope: string, key: string): string {
  return `${scope}:${createHash("sha256").update(key).digest("base64url").slice(0, 22)}`;
}

function toSeconds(ms: number): number {
  return Math.max(1, Math.ceil(ms / 1000));
}
