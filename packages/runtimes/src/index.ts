export * from "./port.ts";
export type { AgentCallOutcome } from "@whs/agent/runtime";
export { AGENT_CALLS_PATH, CALL_TOKEN_HEADER, readOutcome, refusedCall, unreachable } from "./agent-calls.ts";
export { estimateTokens } from "./cloudflare/cell/answers.ts";
export { type CloudflarePrices, defaultCloudflarePrices, estimateCloudflareCost } from "./cloudflare/cost.ts";
export { createWorkerdProvider, type WorkerdProviderOptions } from "./cloudflare/workerd-provider.ts";
