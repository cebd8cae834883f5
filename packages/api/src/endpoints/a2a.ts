import { z } from "zod";
import { endpoint } from "../endpoint.ts";
import { a2a } from "../protocols.ts";
import { idSchema } from "../schemas/base.ts";
import { invokeLimits } from "../schemas/invoke.ts";
import { jsonRpcEvent, jsonRpcRequest, jsonRpcResponse } from "../schemas/json-rpc.ts";

const params = z.strictObject({ agentId: idSchema });

export const sendA2aRequest = endpoint({
  name: "a2a.send",
  method: "POST",
  path: "/a2a/{agentId}",
  summary: "Talk to an agent by the Agent2Agent protocol",
  description:
    "JSON-RPC of A2A 1.0 and 0.3. `agentId` is the agent's id or name. A message is answered with a message, or as a stream of a task; a task can be looked at, followed and cancelled for five minutes after its last event.",
  protocol: a2a,
  access: { kind: "user", scope: "invoke" },
  params,
  body: { kind: "json", schema: jsonRpcRequest, maxBytes: invokeLimits.bodyBytes },
  answer: { kind: "json", status: 200, schema: jsonRpcResponse },
  alternative: { kind: "events", status: 200, events: { message: jsonRpcEvent } },
  errors: ["NOT_FOUND", "CONFLICT", "RATE_LIMITED", "LIMIT_EXCEEDED", "RUNTIME_ERROR", "UNAVAILABLE"],
});

export const getAgentCard = endpoint({
  name: "a2a.getAgentCard",
  method: "GET",
  path: "/a2a/{agentId}/.well-known/agent-card.json",
  summary: "Get the A2A card of an agent that can be invoked",
  description: "Of version 1.0 where the header `A2A-Version` says so, otherwise of 0.3.",
  protocol: a2a,
  access: { kind: "user", scope: "invoke" },
  params,
  answer: { kind: "json", status: 200, schema: z.looseObject({ name: z.string(), description: z.string(), version: z.string() }) },
  errors: ["NOT_FOUND"],
});
