import { AppError } from "@whs/platform/errors";
import type { RateDecision } from "./port.ts";

/** `RateLimit-*` headers of an answer. */
export function rateLimitHeaders({ limit, remaining, resetSeconds }: RateDecision): Record<string, string> {
  return { "ratelimit-limit": String(limit), "ratelimit-remaining": String(remaining), "ratelimit-reset": String(resetSeconds) };
}

/** The answer to whom a limit refuses. */
export function rateLimited(decision: RateDecision, message = "Too many requests; slow down."): AppError {
  return new AppError("RATE_LIMITED", message, {
    headers: rateLimitHeaders(decision),
    retryAfterSeconds: decision.resetSeconds,
    details: { limit: decision.limit },
  });
}
