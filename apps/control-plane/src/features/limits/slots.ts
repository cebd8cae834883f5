import type { Logger } from "@whs/platform/log";
import type { Kysely } from "kysely";
import type { Schema } from "../../database.ts";
import { takeSlots, updateSlots } from "./slots-store.ts";

/** Places among a user's running invocations, which all gateways share. */
export interface Slots {
  /** @returns what gives the place back, or undefined when as many as may run do. */
  enter(userId: string, most: number): Promise<(() => void) | undefined>;
  /** Another gateway needs places of this user: gives back those that nothing runs in, and resolves once others can take them. */
  giveBack(userId: string): Promise<void>;
  /** Renews what is in use and gives back what was not since the last time. */
  tick(): Promise<void>;
  /** Whether places cannot be shared, since the database cannot be reached: each gateway has its part. */
  readonly degraded: boolean;
  /** Gives everything back. */
  close(): Promise<void>;
}

interface Holding {
  userId: string;
  /** Places that are this gateway's. */
  held: number;
  running: number;
  /** Most that ran at once since the last tick. */
  peak: number;
  /** Monotonic milliseconds until which the places are surely this gateway's. */
  validUntil: number;
  /** Others need places too: none is kept for later until then. */
  contendedUntil: number;
  reclaimedAt: number;
  queue: { most: number; resolve: (place: (() => void) | undefined) => void }[];
  /** A statement about this holding is on its way. */
  busy: Promise<void> | undefined;
}

export interface SlotsOptions {
  db: Kysely<Schema>;
  log: Pick<Logger, "warn">;
  /** Eight hexadecimal digits. */
  gatewayId: string;
  /** How many gateways are live: without the database each has its part. */
  gateways: () => number;
  /** Asks other gateways to give back what they do not use, and resolves once they have. */
  reclaim: (userId: string) => Promise<void>;
  onStoreFailure?: () => void;
  /** Monotonic milliseconds. */
  nowMs?: () => number;
}

/** The database keeps places for this long after their gateway's last word; a gateway trusts in them for less. */
const leaseSeconds = 15;
const trustMs = 10_000;
const tickMs = 1_000;
const contendedMs = 5_000;
/** Others are not asked again within this time. */
const reclaimEveryMs = 250;
/** How long a gateway goes by its part before it tries the database again. */
const degradedMs = 1_000;
/** A database that has not answered by then counts as unreachable. */
const answerMs = 2_000;

/** A place is taken from the database with the first invocation, kept while it is in use, and given back a second later. */
export function createSlots(options: SlotsOptions): Slots {
  const nowMs = options.nowMs ?? (() => performance.now());
  const holdings = new Map<string, Holding>();
  let ticking: Promise<void> | undefined;
  /** Monotonic milliseconds; 0 while the database answers. */
  let degradedUntil = 0;
  let closed = false;

  const holdingOf = (userId: string): Holding => {
    let holding = holdings.get(userId);
    if (holding === undefined) {
      holding = {
        userId,
        held: 0,
        running: 0,
        peak: 0,
        validUntil: 0,
        contendedUntil: 0,
        reclaimedAt: Number.NEGATIVE_INFINITY,
        queue: [],
        busy: undefined,
      };
      holdings.set(userId, holding);
    }
    return holding;
  };
  const hasPlace = (holding: Holding, most: number): boolean =>
    holding.running < Math.min(holding.held, most) && holding.validUntil > nowMs();
  const occupy = (holding: Holding): (() => void) => {
    holding.running += 1;
    holding.peak = Math.max(holding.peak, holding.running);
    let inside = true;
    return () => {
      if (!inside) return;
      inside = false;
      holding.running -= 1;
      if (holding.contendedUntil > nowMs() && holding.busy === undefined) release(holding);
    };
  };

  /** The database cannot be asked: this gateway's part has to do. */
  const goByPart = (holding: Holding, most: number): void => {
    holding.held = Math.max(holding.running, 1, Math.floor(most / Math.max(1, options.gateways())));
    holding.validUntil = degradedUntil;
  };
  const storeFailed = (err: unknown): void => {
    options.onStoreFailure?.();
    if (degradedUntil === 0) options.log.warn({ err }, "Places for invocations cannot be shared: each gateway has its part");
    degradedUntil = nowMs() + degradedMs;
  };
  const take = async (holding: Holding, wanted: number, most: number): Promise<number> => {
    const startedAt = nowMs();
    // Places that may have been given to others have to be taken again; what runs in them does so anyway.
    if (holding.validUntil <= startedAt) holding.held = holding.running;
    const key = { userId: holding.userId, gatewayId: options.gatewayId };
    const { granted, others } = await inTime(takeSlots(options.db, key, { held: holding.held, wanted, most, leaseSeconds }));
    holding.held += granted;
    holding.validUntil = startedAt + trustMs;
    return granted < wanted ? others : 0;
  };
  const takeFor = async (holding: Holding, most: number, waiting: number): Promise<void> => {
    const missing = (): number => waiting - (holding.validUntil > nowMs() ? Math.max(0, holding.held - holding.running) : 0);
    if (missing() <= 0) return;
    if (nowMs() < degradedUntil) return goByPart(holding, most);
    try {
      const heldByOthers = await take(holding, missing(), most);
      if (heldByOthers > 0 && (await othersGaveBack(holding))) await take(holding, missing(), most);
      if (degradedUntil !== 0) options.log.warn({}, "Places for invocations are shared again");
      degradedUntil = 0;
    } catch (error) {
      storeFailed(error);
      goByPart(holding, most);
    }
  };
  const othersGaveBack = async (holding: Holding): Promise<boolean> => {
    if (options.gateways() <= 1 || nowMs() - holding.reclaimedAt < reclaimEveryMs) return false;
    holding.reclaimedAt = nowMs();
    holding.contendedUntil = nowMs() + contendedMs;
    await options.reclaim(holding.userId);
    return true;
  };
  /** Serves everybody who waits now with one question to the database. */
  const serve = async (holding: Holding): Promise<void> => {
    while (holding.queue.length > 0) {
      // A renewal on its way would overwrite what is taken now.
      if (nowMs() >= degradedUntil) await ticking;
      const batch = holding.queue.splice(0);
      await takeFor(holding, batch[0]?.most ?? 0, batch.length);
      for (const waiter of batch) waiter.resolve(hasPlace(holding, waiter.most) ? occupy(holding) : undefined);
    }
  };
  const whileBusy = (holding: Holding, work: () => Promise<void>): Promise<void> => {
    holding.busy = work().finally(() => {
      holding.busy = undefined;
      if (holding.queue.length > 0) void whileBusy(holding, () => serve(holding));
    });
    return holding.busy;
  };
  const renew = async (some: readonly Holding[]): Promise<void> => {
    const sentAt = nowMs();
    const states = some.map(({ userId, held }) => ({ userId, slots: held }));
    await inTime(updateSlots(options.db, options.gatewayId, states, leaseSeconds));
    for (const holding of some) {
      holding.validUntil = sentAt + trustMs;
      if (holding.held === 0 && holding.running === 0 && holding.queue.length === 0) holdings.delete(holding.userId);
    }
  };
  const release = (holding: Holding): void => {
    if (ticking !== undefined || closed) return;
    holding.held = holding.running;
    void whileBusy(holding, () => renew([holding]).catch((err: unknown) => options.log.warn({ err }, "Places could not be given back")));
  };

  const runTick = async (): Promise<void> => {
    const open = [...holdings.values()].filter((holding) => holding.busy === undefined);
    for (const holding of open) {
      holding.held = closed ? 0 : Math.max(holding.running, Math.min(holding.held, holding.peak));
      holding.peak = holding.running;
    }
    if (open.length > 0) await renew(open);
  };
  const tick = (): Promise<void> => {
    ticking ??= runTick()
      .catch((err: unknown) => options.log.warn({ err }, "Places for invocations could not be renewed"))
      .finally(() => {
        ticking = undefined;
      });
    return ticking;
  };
  const timer = setInterval(() => void tick(), tickMs);
  timer.unref();

  return {
    get degraded() {
      return degradedUntil !== 0;
    },
    async enter(userId, most) {
      const holding = holdingOf(userId);
      if (holding.busy === undefined && hasPlace(holding, most)) return occupy(holding);
      return new Promise((resolve) => {
        holding.queue.push({ most, resolve });
        if (holding.busy === undefined) void whileBusy(holding, () => serve(holding));
      });
    },
    async giveBack(userId) {
      const holding = holdings.get(userId);
      if (holding === undefined) return;
      holding.contendedUntil = nowMs() + contendedMs;
      // What is asked for now may have to wait for the very gateway that wants this back.
      if (holding.busy !== undefined) return;
      await ticking;
      if (holding.busy !== undefined || holding.held === holding.running) return;
      holding.held = holding.running;
      await whileBusy(holding, () => renew([holding]));
    },
    tick,
    async close() {
      closed = true;
      clearInterval(timer);
      await ticking;
      await tick();
    },
  };
}

async function inTime<T>(answer: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`The database has not answered for ${answerMs} ms`)), answerMs);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}
