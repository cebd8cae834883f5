import { rateSetting } from "@whs/platform/rate-limits";
import { z } from "zod";

const count = (fallback: number) => z.coerce.number().int().min(1).default(fallback).describe("a whole number from 1");

/** Variables of rates and of what this process takes on at once. Invocations of a user are bounded by the user's plan. */
export const limitsEnvironment = {
  REDIS_URL: z
    .url({ protocol: /^rediss?$/ })
    .optional()
    .describe("redis:// or rediss://, a Redis or Valkey that counts rates"),
  WHS_RATE_WRITES_PER_USER: rateSetting("600/minute"),
  WHS_RATE_WRITES_PER_AGENT: rateSetting("240/minute"),
  WHS_RATE_WRITES_PER_ADDRESS: rateSetting("3000/minute"),
  WHS_RATE_UPLOADS_PER_USER: rateSetting("120/minute"),
  WHS_RATE_UPLOADS_PER_ADDRESS: rateSetting("600/minute"),
  WHS_RATE_INVOCATIONS_PER_AGENT: rateSetting("off"),
  WHS_RATE_INVOCATIONS_PER_ADDRESS: rateSetting("off"),
  WHS_RATE_FAILURES_PER_ADDRESS: rateSetting("120/minute"),
  WHS_RATE_BAD_SIGNATURES_PER_ADDRESS: rateSetting("120/minute"),
  WHS_MAX_REQUESTS_IN_FLIGHT: count(5_000),
  WHS_MAX_CONNECTIONS: count(10_000),
  WHS_MAX_EVENT_LOOP_DELAY_MS: count(1_000),
  WHS_MAX_DATABASE_QUEUE: count(1_000),
};

export type LimitSettings = ReturnType<typeof readLimitSettings>;

export function readLimitSettings(read: z.infer<z.ZodObject<typeof limitsEnvironment>>) {
  return {
    redisUrl: read.REDIS_URL,
    writes: {
      user: read.WHS_RATE_WRITES_PER_USER,
      agent: read.WHS_RATE_WRITES_PER_AGENT,
      address: read.WHS_RATE_WRITES_PER_ADDRESS,
    },
    uploads: { user: read.WHS_RATE_UPLOADS_PER_USER, address: read.WHS_RATE_UPLOADS_PER_ADDRESS },
    invocations: { agent: read.WHS_RATE_INVOCATIONS_PER_AGENT, address: read.WHS_RATE_INVOCATIONS_PER_ADDRESS },
    failures: read.WHS_RATE_FAILURES_PER_ADDRESS,
    badSignatures: read.WHS_RATE_BAD_SIGNATURES_PER_ADDRESS,
    maxInFlight: read.WHS_MAX_REQUESTS_IN_FLIGHT,
    maxConnections: read.WHS_MAX_CONNECTIONS,
    maxEventLoopDelayMs: read.WHS_MAX_EVENT_LOOP_DELAY_MS,
    maxDatabaseQueue: read.WHS_MAX_DATABASE_QUEUE,
  };
}
