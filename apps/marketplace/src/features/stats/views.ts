import type { Logger } from "@whs/platform/log";
import type { Kysely } from "kysely";
import type { Schema } from "../../database.ts";
import { addViews } from "./store.ts";

/** Counts views of listings. Who looked is not even looked at. */
export interface ViewCounter {
  add(listingId: string): void;
  /** Writes what was counted. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

const flushEveryMs = 2_000;
const maxListings = 10_000;

/** Sums of this process, written every two seconds; a crash loses these seconds. */
export function createViewCounter(options: { db: Kysely<Schema>; now: () => Date; log: Logger }): ViewCounter {
  let counted = new Map<string, number>();
  let writing: Promise<void> = Promise.resolve();
  const write = async (): Promise<void> => {
    if (counted.size === 0) return;
    const views = counted;
    counted = new Map();
    await addViews(options.db, dayOf(options.now()), views);
  };
  const flush = (): Promise<void> => {
    const next = writing.then(write);
    writing = next.catch((error: unknown) => options.log.warn({ err: error }, "Some views of listings could not be counted"));
    return next;
  };
  const timer = setInterval(() => void flush().catch(() => undefined), flushEveryMs);
  timer.unref();
  return {
    add(listingId) {
      if (counted.size < maxListings || counted.has(listingId)) counted.set(listingId, (counted.get(listingId) ?? 0) + 1);
    },
    flush,
    async close() {
      clearInterval(timer);
      await flush().catch(() => undefined);
    },
  };
}

/** The day in UTC. */
export function dayOf(at: Date): string {
  return at.toISOString().slice(0, 10);
}
