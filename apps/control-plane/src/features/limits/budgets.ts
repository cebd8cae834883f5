import type { Entitlements } from "@whs/api";
import { AppError, limitExceeded } from "@whs/platform/errors";
import type { Logger } from "@whs/platform/log";
import type { Kysely } from "kysely";
import type { Schema } from "../../database.ts";
import { add, type Amounts, budgetOf, combine, lacking, nothing, type Resource, resources, subtract } from "./resources.ts";
import { extendLease, updateLeases } from "./store.ts";

/** The right of one invocation to run. Exactly one of the two ends it. */
export interface Reservation {
  /** The runtime was reached; `actual` where it is known, else what was predicted stands until the event says more. */
  spend(actual: Pick<Amounts, "tokens" | "computeMs"> | undefined): void;
  /** The runtime was never reached: nothing is used. */
  release(): void;
}

export interface Budgets {
  /** @throws AppError `LIMIT_EXCEEDED` when the period's budget has no room, `UNAVAILABLE` when it cannot be read. */
  reserve(
    user: { id: string; tier: string },
    entitlements: Entitlements,
    predicted: Pick<Amounts, "tokens" | "computeMs">,
  ): Promise<Reservation>;
  /** Gives back what is not in use: a plan has changed. */
  giveBack(userId: string): void;
  /** Tells the database what is spent and gives back what idle users do not need. */
  tick(): Promise<void>;
  /** Gives everything back that is not in use. */
  close(): Promise<void>;
}

interface Lease {
  userId: string;
  period: string;
  granted: Amounts;
  spent: Amounts;
  running: number;
  lastUsedAt: number;
  /** Monotonic milliseconds until which the database surely keeps it. */
  validUntil: number;
  extending: Promise<void> | undefined;
  /** What it was granted of. A grant under another plan is none under this one. */
  budget: Amounts;
  /** Raised when all that is unused was given back: what is left over of earlier reservations goes back as well. */
  generation: number;
}

export interface BudgetOptions {
  db: Kysely<Schema>;
  log: Logger;
  now: () => Date;
  /** Eight hexadecimal digits. */
  gatewayId: string;
  /** Monotonic milliseconds. */
  nowMs?: () => number;
}

/** The database keeps a lease for this long after its gateway's last word. */
export const leaseSeconds = 30;
/** A gateway stops using a lease this long before the database might give it up. */
const safetyMs = 8_000;
const tickMs = 1_000;
/** A lease that nobody used for this long gives back what it does not need. */
const idleMs = 1_000;
const epsilon = 1e-6;

/** Leases of this gateway: a reservation is a subtraction in memory as long as its user's lease has room. */
export function createBudgets(options: BudgetOptions): Budgets {
  const nowMs = options.nowMs ?? (() => performance.now());
  const leases = new Map<string, Lease>();
  let ticking: Promise<void> | undefined;

  const leaseFor = (userId: string, period: string, budget: Amounts): Lease => {
    const key = `${userId}/${period}`;
    let lease = leases.get(key);
    if (lease === undefined) {
      lease = {
        userId,
        period,
        granted: nothing,
        spent: nothing,
        running: 0,
        lastUsedAt: nowMs(),
        validUntil: 0,
        extending: undefined,
        budget,
        generation: 0,
      };
      leases.set(key, lease);
    }
    if (lease.extending === undefined && resources.some((resource) => lease.budget[resource] !== budget[resource])) {
      lease.budget = budget;
      giveBackAll(lease);
    }
    return lease;
  };

  const extend = async (lease: Lease, need: Amounts, entitlements: Entitlements, tier: string): Promise<void> => {
    const startedAt = nowMs();
    // A lease that may have been given up has no room left; what was spent of it stays spent.
    if (lease.validUntil !== 0 && lease.validUntil <= startedAt) Object.assign(lease, { granted: lease.spent, validUntil: 0 });
    let grant;
    try {
      grant = await extendLease(
        options.db,
        { gatewayId: options.gatewayId, userId: lease.userId, period: lease.period },
        need,
        budgetOf(entitlements),
        leaseSeconds,
      );
    } catch (cause) {
      throw new AppError("UNAVAILABLE", "Usage cannot be read now; try again in a moment.", { cause });
    }
    if ("lacks" in grant) throw exhausted(grant.lacks, grant.used, entitlements, tier, lease.period);
    lease.granted = add(lease.granted, grant.granted);
    lease.validUntil = startedAt + leaseSeconds * 1000 - safetyMs;
  };

  const hasRoom = (lease: Lease, need: Amounts): boolean =>
    lease.validUntil > nowMs() && lacking(need, addSlack(subtract(lease.granted, lease.spent))) === undefined;

  const start = (lease: Lease, need: Amounts): Reservation => {
    lease.spent = add(lease.spent, need);
    lease.running += 1;
    lease.lastUsedAt = nowMs();
    return reservationOf(lease, need, nowMs);
  };

  const returnUnused = (lease: Lease): void => {
    lease.granted = lease.spent;
  };
  const giveBackAll = (lease: Lease): void => {
    returnUnused(lease);
    lease.generation += 1;
  };

  const runTick = async (): Promise<void> => {
    const now = nowMs();
    const open = [...leases.values()].filter((lease) => lease.extending === undefined);
    for (const lease of open) if (lease.running === 0 && now - lease.lastUsedAt >= idleMs) returnUnused(lease);
    const states = open
      // Also one of which nothing is left, as the database knows it with what it had.
      .filter((lease) => lease.validUntil !== 0)
      .map((lease) => ({
        gatewayId: options.gatewayId,
        userId: lease.userId,
        period: lease.period,
        granted: clip(lease.granted),
        spent: clip(lease.spent),
        idle: lease.running === 0 && lease.granted === lease.spent,
      }));
    const gone = await updateLeases(options.db, states, leaseSeconds);
    for (const lease of open) if (lease.validUntil !== 0) lease.validUntil = now + leaseSeconds * 1000 - safetyMs;
    for (const { userId, period } of gone) forget(`${userId}/${period}`);
    for (const lease of open)
      if (lease.running === 0 && lease.granted.requests === 0 && lease.extending === undefined) forget(`${lease.userId}/${lease.period}`);
  };
  /** Unless somebody has used it since its state was sent. */
  const forget = (key: string): void => {
    const lease = leases.get(key);
    if (lease === undefined || lease.running > 0 || lease.extending !== undefined || lease.granted !== lease.spent) return;
    leases.delete(key);
  };

  const tick = (): Promise<void> => {
    ticking ??= runTick().finally(() => {
      ticking = undefined;
    });
    return ticking;
  };
  const timer = setInterval(
    () => void tick().catch((error: unknown) => options.log.warn({ err: error }, "Leases could not be renewed")),
    tickMs,
  );
  timer.unref();

  return {
    async reserve(user, entitlements, predicted) {
      const period = options.now().toISOString().slice(0, 7);
      const need: Amounts = { requests: 1, tokens: predicted.tokens, computeMs: predicted.computeMs };
      for (;;) {
        // Looked up anew in each turn: while this waited the lease may have been settled and forgotten.
        const lease = leaseFor(user.id, period, budgetOf(entitlements));
        if (hasRoom(lease, need)) return start(lease, need);
        // A tick on its way to the database would overwrite what an extension adds.
        if (ticking !== undefined) {
          await ticking.catch((error: unknown) => options.log.debug({ err: error }, "A renewal of leases failed"));
          continue;
        }
        lease.extending ??= extend(lease, need, entitlements, user.tier).finally(() => {
          lease.extending = undefined;
        });
        await lease.extending;
      }
    },
    giveBack(userId) {
      for (const lease of leases.values()) if (lease.userId === userId && lease.extending === undefined) giveBackAll(lease);
    },
    async tick() {
      // One that is on its way may not have seen what was spent last.
      await Promise.allSettled([ticking]);
      await tick();
    },
    async close() {
      clearInterval(timer);
      if (ticking !== undefined) await ticking;
      for (const lease of leases.values()) returnUnused(lease);
      await tick();
    },
  };
}

function reservationOf(lease: Lease, need: Amounts, nowMs: () => number): Reservation {
  let open = true;
  const { generation } = lease;
  const end = (difference: Amounts): void => {
    if (!open) return;
    open = false;
    lease.spent = add(lease.spent, difference);
    if (lease.generation !== generation) lease.granted = combine(lease.granted, difference, (granted, more) => granted + Math.min(0, more));
    lease.running -= 1;
    lease.lastUsedAt = nowMs();
  };
  return {
    spend: (actual) =>
      end(
        actual === undefined ? nothing : { requests: 0, tokens: actual.tokens - need.tokens, computeMs: actual.computeMs - need.computeMs },
      ),
    release: () => end(subtract(nothing, need)),
  };
}

/** Sums of fractions are never quite exact. */
function addSlack(amounts: Amounts): Amounts {
  return { requests: amounts.requests, tokens: amounts.tokens + epsilon, computeMs: amounts.computeMs + epsilon };
}

function clip(amounts: Amounts): Amounts {
  return { requests: Math.max(0, amounts.requests), tokens: Math.max(0, amounts.tokens), computeMs: Math.max(0, amounts.computeMs) };
}

const limitOf: Readonly<Record<Resource, (entitlements: Entitlements) => number>> = {
  requests: (entitlements) => entitlements.maxRequestsPerPeriod,
  tokens: (entitlements) => entitlements.maxTokensPerPeriod,
  computeMs: (entitlements) => entitlements.maxComputeMsPerPeriod,
};
const words: Readonly<Record<Resource, string>> = { requests: "requests", tokens: "tokens", computeMs: "milliseconds of compute" };

function exhausted(resource: Resource, used: Amounts, entitlements: Entitlements, tier: string, period: string): AppError {
  const limit = limitOf[resource](entitlements);
  return limitExceeded(
    {
      limitType: resource,
      periodKey: period,
      current: Math.min(Math.round(used[resource]), limit),
      limit,
      suggestedAction: "Upgrade, or wait for the next month.",
    },
    `The ${tier} plan's ${limit} ${words[resource]} for ${period} are used up.`,
  );
}
