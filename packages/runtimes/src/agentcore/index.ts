export { type AgentcorePrices, defaultAgentcorePrices } from "./cost.ts";
export { ecrCredentials } from "./ecr.ts";
export type { AgentcoreEvent, AgentcoreLine, AgentcoreProviderOptions } from "./options.ts";
export { createAgentcoreProvider } from "./provider.ts";
