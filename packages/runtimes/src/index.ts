export * from "./port.ts";
export { estimateTokens } from "./cloudflare/cell/answers.ts";
export { type CloudflarePrices, defaultCloudflarePrices, estimateCloudflareCost } from "./cloudflare/cost.ts";
export { createWorkerdProvider, type WorkerdProviderOptions } from "./cloudflare/workerd-provider.ts";
