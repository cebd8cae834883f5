import type { Entitlements } from "@whs/api";
import { AppError } from "@whs/platform/errors";
import { type Points, type RateDecision, rateLimited, rateLimitHeaders, type RateRule } from "@whs/platform/rate-limits";
import type { Slots } from "./slots.ts";

/** A place among the user's running invocations. */
export interface Slot {
  /** `RateLimit-*` headers for the answer. */
  headers: Readonly<Record<string, string>>;
  leave(): void;
}

export interface Rates {
  /** @throws AppError `RATE_LIMITED` with `Retry-After`. */
  enter(
    invocation: { userId: string; agentId: string },
    entitlements: Pick<Entitlements, "maxConcurrentInvocations" | "maxRequestsPerSecond">,
  ): Promise<Slot>;
}

/** Requests a second and invocations at once, by user, and where the operator wants it a rate by agent: each over all gateways. */
export function createRates(parts: { slots: Slots; users: Points; agents: { points: Points; rule: RateRule } | undefined }): Rates {
  const { slots, users, agents } = parts;
  return {
    async enter({ userId, agentId }, { maxConcurrentInvocations, maxRequestsPerSecond }) {
      const leave = await slots.enter(userId, maxConcurrentInvocations);
      if (leave === undefined) throw tooManyAtOnce(maxConcurrentInvocations);
      try {
        const user = await users.spend(userId, { limit: maxRequestsPerSecond, windowSeconds: 1 });
        if (!user.allowed) throw tooFast(user, maxRequestsPerSecond);
        const agent = await agents?.points.spend(agentId, agents.rule);
        if (agent?.allowed === false) throw rateLimited(agent, "Too many requests for this agent; slow down.");
        return { headers: rateLimitHeaders(tighter(user, agent)), leave };
      } catch (error) {
        leave();
        throw error;
      }
    },
  };
}

function tighter(user: RateDecision, agent: RateDecision | undefined): RateDecision {
  return agent !== undefined && agent.remaining < user.remaining ? agent : user;
}

function tooFast(decision: RateDecision, perSecond: number): AppError {
  return new AppError("RATE_LIMITED", `More than ${perSecond} requests a second; slow down.`, {
    headers: rateLimitHeaders(decision),
    retryAfterSeconds: decision.resetSeconds,
    details: { limit: perSecond, window: "second" },
  });
}

function tooManyAtOnce(most: number): AppError {
  return new AppError("RATE_LIMITED", `${most} invocations are running already; wait for one to end.`, {
    headers: rateLimitHeaders({ allowed: false, limit: most, remaining: 0, resetSeconds: 1 }),
    retryAfterSeconds: 1,
    details: { limit: most, window: "concurrent" },
  });
}
