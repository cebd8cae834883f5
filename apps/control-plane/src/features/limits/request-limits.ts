import type { Endpoint } from "@whs/api";
import { clientNetwork } from "@whs/platform/addresses";
import { toAppError, type Bind, type HttpRequest } from "@whs/platform/http";
import { type Points, type RateDecision, rateLimited, rateLimitHeaders, type RateLimits, type RateRule } from "@whs/platform/rate-limits";
import { createBoundedCache } from "../../bounded-cache.ts";
import type { LimitSettings } from "../../limit-settings.ts";
import type { LimitMetrics, RateKind } from "../../observability/index.ts";

/** Rates of requests by user, agent and address, enforced before a body is read. */
export interface RequestLimits {
  /** @returns `RateLimit-*` headers for the answer. @throws AppError `RATE_LIMITED` */
  admit(endpoint: Endpoint, request: HttpRequest, userId: string): Promise<Readonly<Record<string, string>>>;
  /**
   * Looks at a credential, unless its address has sent too many bad ones: then only credentials that were good lately are
   * looked at.
   */
  authenticate<T>(request: HttpRequest, look: () => Promise<T>): Promise<T>;
  /** The same signed endpoints, closed to addresses that sent too many bad signatures and no good one lately. */
  guardSignatures<C>(bind: Bind<C>, scope: "telemetry" | "delegation" | "billing"): Bind<C>;
  close(): Promise<void>;
}

/** How long a good credential, or an address with a good signature, is let through though others fail. */
const knownForMs = 600_000;
const maxKnown = 50_000;

interface Limit {
  kind: RateKind;
  key: string;
  rule: RateRule | undefined;
}

export function createRequestLimits(options: {
  limits: RateLimits;
  /** Points of addresses for invocations, which may not wait for a store. */
  invocations: Points;
  settings: Pick<LimitSettings, "writes" | "uploads" | "invocations" | "failures" | "badSignatures">;
  metrics: LimitMetrics;
}): RequestLimits {
  const { limits, settings, metrics } = options;
  const goodCredentials = createBoundedCache<true>({ maxEntries: maxKnown, maxAgeMs: knownForMs });
  const goodAddresses = createBoundedCache<true>({ maxEntries: maxKnown, maxAgeMs: knownForMs });

  const refuse = (kind: RateKind, decision: RateDecision): never => {
    metrics.rateRefused(kind);
    throw rateLimited(decision);
  };
  const admitAll = async (all: readonly Limit[]): Promise<Readonly<Record<string, string>>> => {
    const inForce = all.filter((limit): limit is Limit & { rule: RateRule } => limit.rule !== undefined);
    const decisions = await Promise.all(inForce.map(({ kind, key, rule }) => limits.consume(kind, key, rule)));
    let tightest: RateDecision | undefined;
    for (const [index, decision] of decisions.entries()) {
      if (!decision.allowed) refuse((inForce[index] as Limit).kind, decision);
      if (tightest === undefined || decision.remaining < tightest.remaining) tightest = decision;
    }
    return tightest === undefined ? {} : rateLimitHeaders(tightest);
  };
  const admitInvocation = async (address: string): Promise<Readonly<Record<string, string>>> => {
    const rule = settings.invocations.address;
    if (rule === undefined) return {};
    const decision = await options.invocations.spend(address, rule);
    if (!decision.allowed) refuse("invocations_address", decision);
    return rateLimitHeaders(decision);
  };
  /** One more failure of an address. That an answer waits for its count slows down whoever guesses. */
  const failed = async (kind: RateKind, key: string, rule: RateRule): Promise<void> => void (await limits.consume(kind, key, rule));

  return {
    async admit(endpoint, request, userId) {
      const address = clientNetwork(request.address);
      const isForUsers = endpoint.access.kind === "user";
      if (!isForUsers || endpoint.method === "GET") return {};
      if (endpoint.protocol !== undefined || (endpoint.access.kind === "user" && endpoint.access.scope === "invoke"))
        return admitInvocation(address);
      if (endpoint.name === "uploads.create")
        return admitAll([
          { kind: "uploads_user", key: userId, rule: settings.uploads.user },
          { kind: "uploads_address", key: address, rule: settings.uploads.address },
        ]);
      const agentId = endpoint.path.startsWith("/v1/agents/{id}") ? request.params["id"] : undefined;
      return admitAll([
        { kind: "writes_user", key: userId, rule: settings.writes.user },
        { kind: "writes_address", key: address, rule: settings.writes.address },
        // With the caller's own id, so that nobody uses up what somebody else may do with an agent.
        ...(agentId === undefined ? [] : [{ kind: "writes_agent" as const, key: `${userId}/${agentId}`, rule: settings.writes.agent }]),
      ]);
    },
    async authenticate(request, look) {
      const rule = settings.failures;
      const credential = request.headers.authorization;
      // A request without a credential costs nothing and guesses nothing.
      if (rule === undefined || credential === undefined) return look();
      const address = clientNetwork(request.address);
      const refusal = limits.knownRefusal("failures_address", address, rule);
      if (refusal !== undefined && goodCredentials.get(credential) === undefined) return refuse("failures_address", refusal);
      try {
        const caller = await look();
        goodCredentials.set(credential, true);
        return caller;
      } catch (error) {
        if (toAppError(error).code === "UNAUTHENTICATED") {
          goodCredentials.delete(credential);
          await failed("failures_address", address, rule);
        }
        throw error;
      }
    },
    guardSignatures(bind, scope) {
      const rule = settings.badSignatures;
      if (rule === undefined) return bind;
      return (endpoint, handler, bindOptions) =>
        bind(
          endpoint,
          async (context, input) => {
            const key = `${scope} ${clientNetwork(input.http.request.address)}`;
            const refusal = limits.knownRefusal("signatures_address", key, rule);
            if (refusal !== undefined && goodAddresses.get(key) === undefined) return refuse("signatures_address", refusal);
            try {
              const answer = await handler(context, input);
              if (isRefusedBatch(answer)) await failed("signatures_address", key, rule);
              else goodAddresses.set(key, true);
              return answer;
            } catch (error) {
              if (toAppError(error).code === "UNAUTHENTICATED") await failed("signatures_address", key, rule);
              throw error;
            }
          },
          bindOptions,
        );
    },
    async close() {
      options.invocations.close();
      await limits.close();
    },
  };
}

/** A batch of events without a single good signature; one with some of each comes from a supervisor. */
function isRefusedBatch(answer: unknown): boolean {
  if (typeof answer !== "object" || answer === null || !("rejected" in answer) || !Array.isArray(answer.rejected)) return false;
  const { accepted, duplicates } = answer as { accepted?: unknown; duplicates?: unknown };
  return accepted === 0 && duplicates === 0 && answer.rejected.length > 0;
}
