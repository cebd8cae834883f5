import { AppError } from "@whs/platform/errors";
import type { Logger } from "@whs/platform/log";
import { deriveTelemetryKey, signV1 } from "@whs/platform/signatures";
import type { Kysely } from "kysely";
import { setTimeout as pause } from "node:timers/promises";
import { createBoundedCache } from "../../bounded-cache.ts";
import type { SystemContext } from "../../context.ts";
import type { Schema } from "../../database.ts";
import type { Keys } from "../../keys.ts";
import type { TelemetryIngestion } from "./ingest.ts";
import { findTelemetryOwner } from "./store.ts";

/** Events of drivers that run in this process: signed here with the deployment's key, and taken in like anybody's. */
export interface OwnEvents {
  /** Never throws; an event that cannot be delivered is counted from the gateway's own record. */
  report(event: { eventId: string; deploymentId: string }): void;
  /** Waits for what is on its way, for a moment. */
  flush(): Promise<void>;
}

/** A deployment's key version is looked up this often: the one before it counts for longer. */
const believedMs = 60_000;
const maxOnTheirWay = 10_000;
/** What cannot be delivered by then is counted from the gateway's record. */
const flushMs = 1_000;
const retryMs = [200, 1_000, 5_000];

export function createOwnEvents(options: {
  db: Kysely<Schema>;
  keys: Keys;
  log: Logger;
  /** Known only once everything is put together. */
  ingestion: () => { ingestion: TelemetryIngestion; context: SystemContext };
}): OwnEvents {
  const keys = createBoundedCache<Promise<Buffer>>({ maxEntries: 10_000, maxAgeMs: believedMs });
  const onTheirWay = new Set<Promise<void>>();

  const keyOf = (deploymentId: string): Promise<Buffer> => {
    const known = keys.get(deploymentId);
    if (known !== undefined) return known;
    const derived = deriveKey(options, deploymentId);
    keys.set(deploymentId, derived);
    derived.catch(() => keys.delete(deploymentId));
    return derived;
  };
  const deliver = async (event: { deploymentId: string }): Promise<void> => {
    const rawBody = Buffer.from(JSON.stringify(event));
    const signature = signV1(await keyOf(event.deploymentId), rawBody);
    const { ingestion, context } = options.ingestion();
    await ingestion.ingest(context, { deploymentId: event.deploymentId, signature, rawBody });
  };
  const deliverWithRetries = async (event: { eventId: string; deploymentId: string }): Promise<void> => {
    for (let tries = 0; ; tries += 1) {
      try {
        return await deliver(event);
      } catch (error) {
        const waitMs = retryMs[tries];
        const isFinal = error instanceof AppError && !error.retryable;
        if (waitMs === undefined || isFinal) {
          options.log.warn({ err: error, eventId: event.eventId }, "An event could not be delivered; the gateway's record will count");
          return;
        }
        await pause(waitMs);
      }
    }
  };
  return {
    report(event) {
      if (onTheirWay.size >= maxOnTheirWay) {
        options.log.warn({ eventId: event.eventId }, "Too many events are on their way; the gateway's record will count");
        return;
      }
      const sent = deliverWithRetries(event);
      onTheirWay.add(sent);
      void sent.finally(() => onTheirWay.delete(sent));
    },
    async flush() {
      await Promise.race([Promise.all(onTheirWay), pause(flushMs)]);
    },
  };
}

async function deriveKey({ db, keys }: { db: Kysely<Schema>; keys: Keys }, deploymentId: string): Promise<Buffer> {
  const owner = await findTelemetryOwner(db, deploymentId);
  if (owner === undefined) throw new AppError("NOT_FOUND", "The deployment is gone.");
  return deriveTelemetryKey(await keys.telemetryRoot(owner.authRef.rootKeyId), deploymentId, owner.authRef.version);
}
