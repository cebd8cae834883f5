import { BedrockAgentCoreClient } from "@aws-sdk/client-bedrock-agentcore";
import { BedrockAgentCoreControlClient } from "@aws-sdk/client-bedrock-agentcore-control";
import type { AgentcoreProviderOptions } from "./options.ts";

export interface Clients {
  control: BedrockAgentCoreControlClient;
  data: BedrockAgentCoreClient;
}

const CONNECT_MS = 5_000;
/** Of a control request; an invocation has its own clock. */
const CONTROL_MS = 30_000;
/** Invocations are long: as many connections as a gateway may have of them. */
const MAX_SOCKETS = 1_024;

export function openClients({ region, endpoint, credentials }: AgentcoreProviderOptions): Clients {
  const shared = { region, ...(endpoint === undefined ? {} : { endpoint }), ...(credentials === undefined ? {} : { credentials }) };
  const agent = { keepAlive: true, maxSockets: MAX_SOCKETS };
  return {
    control: new BedrockAgentCoreControlClient({
      ...shared,
      maxAttempts: 5,
      requestHandler: { connectionTimeout: CONNECT_MS, requestTimeout: CONTROL_MS },
    }),
    // One attempt: the SDK also repeats what may have reached the agent, and nothing may run twice.
    data: new BedrockAgentCoreClient({
      ...shared,
      maxAttempts: 1,
      requestHandler: { connectionTimeout: CONNECT_MS, requestTimeout: 0, httpAgent: agent, httpsAgent: agent },
    }),
  };
}
