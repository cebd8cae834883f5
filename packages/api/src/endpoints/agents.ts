import { z } from "zod";
import { endpoint } from "../endpoint.ts";
import { agentSchema, createAgentBody, listAgentsQuery, secretStateSchema, setSecretsBody, updateAgentBody } from "../schemas/agent.ts";
import { idParams, idSchema, pageOf, textSchema } from "../schemas/base.ts";

const agentAnswer = z.object({ agent: agentSchema });

export const createAgent = endpoint({
  name: "agents.create",
  method: "POST",
  path: "/v1/agents",
  summary: "Create an agent",
  access: { kind: "user", scope: "agents:write" },
  body: { kind: "json", schema: createAgentBody },
  answer: { kind: "json", status: 201, schema: agentAnswer },
  errors: ["CONFLICT", "LIMIT_EXCEEDED"],
  idempotent: true,
});

export const listAgents = endpoint({
  name: "agents.list",
  method: "GET",
  path: "/v1/agents",
  summary: "List agents, newest first unless said otherwise",
  access: { kind: "user", scope: "agents:read" },
  query: listAgentsQuery,
  answer: { kind: "json", status: 200, schema: pageOf(agentSchema) },
  errors: [],
});

export const getAgent = endpoint({
  name: "agents.get",
  method: "GET",
  path: "/v1/agents/{id}",
  summary: "Get an agent",
  access: { kind: "user", scope: "agents:read" },
  params: idParams,
  answer: { kind: "json", status: 200, schema: agentAnswer },
  errors: ["NOT_FOUND"],
});

export const updateAgent = endpoint({
  name: "agents.update",
  method: "PATCH",
  path: "/v1/agents/{id}",
  summary: "Change an agent",
  access: { kind: "user", scope: "agents:write" },
  params: idParams,
  body: { kind: "json", schema: updateAgentBody },
  answer: { kind: "json", status: 200, schema: agentAnswer },
  errors: ["NOT_FOUND", "CONFLICT", "LIMIT_EXCEEDED"],
});

export const disableAgent = endpoint({
  name: "agents.disable",
  method: "POST",
  path: "/v1/agents/{id}/disable",
  summary: "Stop an agent from serving, at once and on every node",
  access: { kind: "user", scope: "agents:write" },
  params: idParams,
  answer: { kind: "json", status: 200, schema: agentAnswer },
  errors: ["NOT_FOUND"],
});

export const enableAgent = endpoint({
  name: "agents.enable",
  method: "POST",
  path: "/v1/agents/{id}/enable",
  summary: "Let a disabled agent serve again",
  access: { kind: "user", scope: "agents:write" },
  params: idParams,
  answer: { kind: "json", status: 200, schema: agentAnswer },
  errors: ["NOT_FOUND"],
});

export const deleteAgent = endpoint({
  name: "agents.delete",
  method: "DELETE",
  path: "/v1/agents/{id}",
  summary: "Delete an agent with its deployments, sessions and secrets",
  access: { kind: "user", scope: "agents:write" },
  params: idParams,
  answer: { kind: "empty", status: 204 },
  errors: ["NOT_FOUND", "CONFLICT"],
});

export const setSecrets = endpoint({
  name: "secrets.set",
  method: "POST",
  path: "/v1/agents/{id}/secrets",
  summary: "Set secrets; no answer ever shows a value",
  access: { kind: "user", scope: "secrets:write" },
  params: idParams,
  // Sixteen values of full size; whoever has more sets them in several calls.
  body: { kind: "json", schema: setSecretsBody, maxBytes: 1024 * 1024 },
  answer: { kind: "empty", status: 204, headers: ["Whs-Redeploy-Required"] },
  errors: ["NOT_FOUND", "CONFLICT"],
});

export const listSecrets = endpoint({
  name: "secrets.list",
  method: "GET",
  path: "/v1/agents/{id}/secrets",
  summary: "List which of the agent's secrets are set",
  access: { kind: "user", scope: "agents:read" },
  params: idParams,
  answer: { kind: "json", status: 200, schema: z.object({ items: z.array(secretStateSchema) }) },
  errors: ["NOT_FOUND"],
});

export const deleteSecret = endpoint({
  name: "secrets.delete",
  method: "DELETE",
  path: "/v1/agents/{id}/secrets/{key}",
  summary: "Remove a secret",
  access: { kind: "user", scope: "secrets:write" },
  params: z.strictObject({ id: idSchema, key: textSchema.min(1).max(128) }),
  answer: { kind: "empty", status: 204, headers: ["Whs-Redeploy-Required"] },
  errors: ["NOT_FOUND"],
});
