export { rateLimited, rateLimitHeaders } from "./answer.ts";
export { openRateLimits, type OpenRateLimitsOptions } from "./open.ts";
export { createPoints, type Points } from "./points.ts";
export type { RateDecision, RateLimits, RateRule, TakenPoints } from "./port.ts";
export { rateSetting } from "./setting.ts";
