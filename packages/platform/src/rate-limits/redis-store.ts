import { createClient } from "@redis/client";
import { RateLimiterRedis, RateLimiterRes } from "rate-limiter-flexible";
import type { RateRule, RateStore } from "./port.ts";

const connectTimeoutMs = 2_000;
const reconnectMs = 1_000;

/**
 * Windows in Redis or Valkey. It opens also while the server cannot be reached and connects as soon as it can.
 * @param url `redis://` or `rediss://`, with credentials and database as usual.
 */
export async function openRedisStore(options: { url: string; onError: (error: unknown) => void }): Promise<RateStore> {
  const client = createClient({
    url: options.url,
    // Without a connection a request shall not wait for one.
    disableOfflineQueue: true,
    socket: { connectTimeout: connectTimeoutMs, reconnectStrategy: reconnectMs },
  });
  // Each attempt to connect again fails like the first one did.
  let broken = false;
  client.on("error", (error: unknown) => {
    if (!broken) options.onError(error);
    broken = true;
  });
  client.on("ready", () => {
    broken = false;
  });
  const connecting = client.connect().catch(options.onError);
  const limiters = new Map<string, RateLimiterRedis>();
  const limiterFor = ({ limit, windowSeconds }: RateRule): RateLimiterRedis => {
    const name = `${limit}/${windowSeconds}`;
    let limiter = limiters.get(name);
    if (limiter === undefined) {
      limiter = new RateLimiterRedis({
        storeClient: client,
        useRedisPackage: true,
        rejectIfRedisNotReady: true,
        keyPrefix: "whs-rate",
        points: limit,
        duration: windowSeconds,
      });
      limiters.set(name, limiter);
    }
    return limiter;
  };
  // A server on the same machine is there before the first request; another is not waited for.
  await Promise.race([connecting, new Promise((resolve) => setTimeout(resolve, connectTimeoutMs).unref())]);
  return {
    async add(key, rule, points) {
      const { consumedPoints, msBeforeNext } = await limiterFor(rule).consume(key, points).catch(refusalOf);
      return { total: consumedPoints, resetMs: msBeforeNext };
    },
    close: async () => client.destroy(),
  };
}

/** The library throws its result when the window is used up; whether that is a refusal is decided elsewhere. */
function refusalOf(thrown: unknown): RateLimiterRes {
  if (thrown instanceof RateLimiterRes) return thrown;
  throw thrown;
}
