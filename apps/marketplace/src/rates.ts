import type { Endpoint } from "@whs/api";
import { rateLimited, type RateLimits } from "@whs/platform/rate-limits";
import type { Config } from "./config.ts";

export type RateClass = keyof Config["rates"];

/** Endpoints that are limited otherwise than their access and method say. */
const exceptions: Readonly<Record<string, RateClass>> = {
  "listings.search": "search",
  "installs.createIntent": "install",
  "installs.issueToken": "install",
  "installs.cancelIntent": "install",
  "reports.create": "report",
};

/** The class of routes that an endpoint belongs to. */
export function rateClassOf({ name, access, method }: Pick<Endpoint, "name" | "access" | "method">): RateClass {
  const exception = exceptions[name];
  if (exception !== undefined) return exception;
  switch (access.kind) {
    case "public":
      return "read";
    case "user":
      return method === "GET" ? "account" : "write";
    case "signature":
      return "internal";
    case "operator":
      return "operator";
  }
}

/** Takes one request from whom it is for: a user, a source or an address. @throws AppError `RATE_LIMITED` */
export type TakeRequest = (rateClass: RateClass, key: string) => Promise<void>;

export function createTakeRequest(limits: RateLimits, rates: Config["rates"]): TakeRequest {
  return async (rateClass, key) => {
    const rule = rates[rateClass];
    if (rule === undefined) return;
    const decision = await limits.consume(rateClass, key, rule);
    if (!decision.allowed) throw rateLimited(decision);
  };
}
