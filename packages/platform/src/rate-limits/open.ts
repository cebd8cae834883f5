import type { Kysely } from "kysely";
import { createRateLimits, type RateLimitsLog } from "./create.ts";
import type { RateLimits, RateStore } from "./port.ts";
import { createPostgresStore } from "./postgres-store.ts";

export interface OpenRateLimitsOptions<Schema> {
  /** `REDIS_URL`: of a Redis or Valkey that all processes share; without it they share the database. */
  redisUrl: string | undefined;
  kysely: Kysely<Schema>;
  /** Table with its schema, such as `whs.rate_limits`; its columns are those of the PostgreSQL store. */
  table: string;
  log: RateLimitsLog;
  /** How many processes share the limits. Default 1. */
  processes?: () => number;
  /** Told of each time that the store did not answer. */
  onStoreFailure?: () => void;
}

/** Opens the limits of an installation on the store that the configuration names. */
export async function openRateLimits<Schema>(options: OpenRateLimitsOptions<Schema>): Promise<RateLimits> {
  return createRateLimits({ ...options, store: await openStore(options) });
}

async function openStore<Schema>({ redisUrl, kysely, table, log }: OpenRateLimitsOptions<Schema>): Promise<RateStore> {
  if (redisUrl !== undefined) {
    // The client's library is loaded only where there is a server for it.
    const { openRedisStore } = await import("./redis-store.ts");
    return openRedisStore({ url: redisUrl, onError: (err) => log.warn({ err }, "The connection to Redis broke") });
  }
  return createPostgresStore({
    kysely,
    table,
    onCleaningFailed: (err) => log.warn({ err }, "Ended windows of rate limits could not be removed"),
  });
}
