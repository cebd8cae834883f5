import { createSessionIds, createTaggedIds, type SessionIds } from "@whs/platform/ids";
import type { Kysely } from "kysely";
import { randomBytes } from "node:crypto";
import type { Config } from "../../config.ts";
import type { Dependencies } from "../../context.ts";
import type { Schema } from "../../database.ts";
import type { Keys } from "../../keys.ts";
import type { Logger } from "@whs/platform/log";
import type { AgentCalls } from "@whs/runtimes";
import { createPoints, type RateLimits } from "@whs/platform/rate-limits";
import { createBudgets, createLimits, createPredictions, createRates, createSlots, type Limits } from "../limits/index.ts";
import type { LimitMetrics, Metrics } from "../../observability/index.ts";
import { agentCallsOf } from "./call-agent.ts";
import { type CallChain, type CallTokens, createCallTokens } from "./call-token.ts";
import { createInvocationLog, type InvocationLog } from "./record.ts";
import { createRouting, type Routing } from "./routing.ts";
import type { Streams } from "./streams.ts";

/** What one gateway process keeps between invocations. */
export interface Gateway {
  routing: Routing;
  sessionIds: SessionIds;
  invocationLog: InvocationLog;
  limits: Limits;
  /** Makes ids that say which gateway accepted the invocation. */
  newEventId: () => string;
  streams: Streams;
  callTokens: CallTokens;
  /** What the agent of a running invocation may do with others. */
  agentCalls: (dependencies: Dependencies, chain: CallChain) => AgentCalls;
  running: Set<AbortController>;
  /** Refuses nothing, waits for what runs, then stops what still does, writes what is not written yet and gives leases back. */
  drain(timeoutMs: number): Promise<void>;
}

const lookEveryMs = 20;
/** What was stopped has said so by then. */
const closeStreamsMs = 1_000;

export function createGateway(options: {
  db: Kysely<Schema>;
  log: Logger;
  keys: Keys;
  config: Config;
  streams: Streams;
  metrics: Metrics;
  now: () => Date;
  /** Whether what other processes announce arrives. */
  hearsChanges: () => boolean;
  /** How many gateways share the users' rates. */
  processes: () => number;
  rateLimits: RateLimits;
  limitMetrics: LimitMetrics;
  /** Makes other gateways give back what they do not use of a user's places, and waits until they have. */
  reclaimSlots: (userId: string) => Promise<void>;
}): Gateway {
  const { db, log, now } = options;
  const gatewayId = randomBytes(4).toString("hex");
  const eventIds = createTaggedIds(gatewayId);
  const budgets = createBudgets({ db, log, now, gatewayId });
  const slots = createSlots({
    db,
    log,
    gatewayId,
    gateways: options.processes,
    reclaim: options.reclaimSlots,
    onStoreFailure: () => options.limitMetrics.storeFailed("concurrency"),
  });
  const rates = ratesOf(options);
  const limits = createLimits({ budgets, slots, rates: createRates({ slots, ...rates }), predictions: createPredictions() });
  const running = new Set<AbortController>();
  const invocationLog = createInvocationLog({ db, log, metrics: options.metrics, sessionIdleMs: options.config.sessionIdleMs });
  const gateway: Gateway = {
    routing: createRouting({ db, hearsChanges: options.hearsChanges }),
    sessionIds: createSessionIds(options.keys.session),
    invocationLog,
    limits,
    newEventId: () => eventIds.newId("evt"),
    streams: options.streams,
    callTokens: createCallTokens(options.keys.call),
    agentCalls: (dependencies, chain) => agentCallsOf(gateway, dependencies, chain),
    running,
    async drain(timeoutMs) {
      const deadline = performance.now() + timeoutMs;
      while (running.size > 0 && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
      for (const controller of running) controller.abort();
      await options.streams.close(closeStreamsMs);
      await invocationLog.flush();
      rates.users.close();
      rates.agents?.points.close();
      await slots.close();
      await budgets.close();
    },
  };
  return gateway;
}

function ratesOf({
  rateLimits,
  config,
}: {
  rateLimits: RateLimits;
  config: Config;
}): Pick<Parameters<typeof createRates>[0], "users" | "agents"> {
  const rule = config.limits.invocations.agent;
  return {
    users: createPoints({ limits: rateLimits, scope: "invocations_user" }),
    agents: rule === undefined ? undefined : { points: createPoints({ limits: rateLimits, scope: "invocations_agent" }), rule },
  };
}
