import type { RuntimeProviderName } from "@whs/api";

export const runtimeNames: Readonly<Record<RuntimeProviderName, string>> = {
  cloudflare: "Cloudflare Workers",
  agentcore: "Bedrock AgentCore",
};
