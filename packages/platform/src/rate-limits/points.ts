import type { RateDecision, RateLimits, RateRule } from "./port.ts";

/**
 * Points of one scope that this process has taken ahead from the shared limits, so that spending one asks nobody. The
 * first tenth of a limit (at least one point) is on credit in each window: it is spent at once and charged to the window
 * meanwhile. What the window cannot pay is owed to the next one, which pays it whether it is used or not, and there is no
 * credit until it has. So through any
 * number of processes a row of windows never has more than the sum of their limits and a tenth of one for each process.
 */
export interface Points {
  spend(key: string, rule: RateRule): Promise<RateDecision>;
  /** Leaves what is owed unpaid. */
  close(): void;
}

interface Purse {
  /** Monotonic milliseconds; undefined until the store has said when the window ends. */
  endsAt: number | undefined;
  /** Points that are paid for. */
  available: number;
  /** Points that may be spent before they are. */
  credit: number;
  /** Spent on credit and not charged yet, or charged to a window that could not pay. */
  owed: number;
  /** Nothing more is to be had in this window. */
  usedUp: boolean;
  /** Limit and points left for everybody, as last heard. */
  limit: number;
  remaining: number;
  waiting: number;
  asking: Promise<void> | undefined;
  /** Set while something is owed to the next window. */
  paying: NodeJS.Timeout | undefined;
}

const share = 10;
const newPurse: Readonly<Purse> = {
  endsAt: undefined,
  available: 0,
  credit: 0,
  owed: 0,
  usedUp: false,
  limit: 0,
  remaining: 0,
  waiting: 0,
  asking: undefined,
  paying: undefined,
};
const maxPurses = 100_000;

export function createPoints(options: { limits: RateLimits; scope: string; nowMs?: () => number }): Points {
  const nowMs = options.nowMs ?? (() => performance.now());
  const purses = new Map<string, Purse>();
  let closed = false;

  const purseOf = (key: string, rule: RateRule): Purse => {
    let purse = purses.get(key);
    if (purse === undefined) {
      if (purses.size >= maxPurses) dropEnded(purses, nowMs());
      purse = { ...newPurse };
      beginWindow(purse, rule);
      purses.set(key, purse);
    } else if (purse.endsAt !== undefined && purse.endsAt <= nowMs()) beginWindow(purse, rule);
    return purse;
  };
  const ask = async (purse: Purse, key: string, rule: RateRule): Promise<void> => {
    const sentAt = nowMs();
    const { owed } = purse;
    purse.owed = 0;
    const { taken, limit, remaining, resetMs } = await options.limits.take(options.scope, key, rule, owed + purse.waiting + ahead(rule));
    const paid = Math.min(taken, owed);
    purse.owed += owed - paid;
    const endsAt = sentAt + resetMs;
    const isSameWindow = purse.endsAt !== undefined && endsAt - purse.endsAt < rule.windowSeconds * 500;
    purse.available = (isSameWindow ? purse.available : 0) + taken - paid;
    // Whoever waits for this answer may use it, though it came late.
    purse.endsAt = Math.max(nowMs() + 1, endsAt);
    purse.usedUp = remaining === 0;
    if (purse.usedUp) purse.credit = 0;
    Object.assign(purse, { limit, remaining });
    if (purse.usedUp && purse.owed > 0) payNext(purse, key, rule);
  };
  const payNext = (purse: Purse, key: string, rule: RateRule): void => {
    if (closed || purse.paying !== undefined) return;
    purse.paying = setTimeout(
      () => {
        purse.paying = undefined;
        if (closed || purse.owed === 0) return;
        if (purse.endsAt !== undefined && purse.endsAt <= nowMs()) beginWindow(purse, rule);
        void askOnce(purse, key, rule);
      },
      Math.max(1, (purse.endsAt ?? nowMs()) - nowMs()),
    );
    purse.paying.unref();
  };
  const askOnce = (purse: Purse, key: string, rule: RateRule): Promise<void> => {
    purse.asking ??= ask(purse, key, rule).finally(() => {
      purse.asking = undefined;
    });
    return purse.asking;
  };
  const decide = (purse: Purse, rule: RateRule, allowed: boolean): RateDecision => ({
    allowed,
    limit: purse.limit,
    remaining: allowed ? Math.max(0, purse.available + purse.remaining) : 0,
    resetSeconds: Math.max(1, Math.ceil(((purse.endsAt ?? nowMs() + rule.windowSeconds * 1000) - nowMs()) / 1000)),
  });

  return {
    async spend(key, rule) {
      for (;;) {
        const purse = purseOf(key, rule);
        if (purse.available > 0) {
          purse.available -= 1;
          if (!purse.usedUp && purse.available < ahead(rule) / 2) void askOnce(purse, key, rule);
          return decide(purse, rule, true);
        }
        if (purse.usedUp) return decide(purse, rule, false);
        if (purse.credit > 0) {
          purse.credit -= 1;
          purse.owed += 1;
          purse.remaining -= 1;
          void askOnce(purse, key, rule);
          return decide(purse, rule, true);
        }
        purse.waiting += 1;
        await askOnce(purse, key, rule).finally(() => {
          purse.waiting -= 1;
        });
      }
    },
    close() {
      closed = true;
      for (const { paying } of purses.values()) clearTimeout(paying);
    },
  };
}

/** Points that are taken beyond what is asked for. */
function ahead({ limit }: RateRule): number {
  return Math.max(1, Math.floor(limit / share));
}

function beginWindow(purse: Purse, rule: RateRule): void {
  Object.assign(purse, {
    endsAt: undefined,
    available: 0,
    credit: purse.owed > 0 ? 0 : ahead(rule),
    usedUp: false,
    limit: rule.limit,
    remaining: rule.limit,
  });
}

function dropEnded(purses: Map<string, Purse>, now: number): void {
  for (const [key, { endsAt, asking, paying }] of purses)
    if (asking === undefined && paying === undefined && endsAt !== undefined && endsAt <= now) purses.delete(key);
}
