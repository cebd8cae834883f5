import { z } from "zod";
import { endpoint } from "../endpoint.ts";
import { idSchema } from "../schemas/base.ts";
import { invokeEvents, invokeLimits, invokeRequestSchema, invokeResponseSchema } from "../schemas/invoke.ts";

const agentParams = z.strictObject({ agentId: idSchema });

export const invokeAgent = endpoint({
  name: "invoke.create",
  method: "POST",
  path: "/v1/invoke/{agentId}",
  summary: "Invoke an agent and wait for its answer",
  access: { kind: "user", scope: "invoke" },
  params: agentParams,
  body: { kind: "json", schema: invokeRequestSchema, maxBytes: invokeLimits.bodyBytes },
  answer: { kind: "json", status: 200, schema: invokeResponseSchema },
  errors: ["NOT_FOUND", "CONFLICT", "RATE_LIMITED", "LIMIT_EXCEEDED", "RUNTIME_ERROR", "UNAVAILABLE"],
  idempotent: true,
});

export const invokeAgentStream = endpoint({
  name: "invoke.stream",
  method: "POST",
  path: "/v1/invoke/{agentId}/stream",
  summary: "Invoke an agent and receive its answer as server-sent events",
  access: { kind: "user", scope: "invoke" },
  params: agentParams,
  body: { kind: "json", schema: invokeRequestSchema, maxBytes: invokeLimits.bodyBytes },
  answer: { kind: "events", status: 200, events: invokeEvents },
  errors: ["NOT_FOUND", "CONFLICT", "RATE_LIMITED", "LIMIT_EXCEEDED", "RUNTIME_ERROR", "UNAVAILABLE"],
});

export const resumeAgentStream = endpoint({
  name: "invoke.resume",
  method: "GET",
  path: "/v1/invoke/{agentId}/stream/{streamId}",
  summary: "Go on with a stream after the event that the header Last-Event-ID names",
  description:
    "Sends the same bytes as the stream itself, from the event after `Last-Event-ID` on, or from the beginning without the header; a stream that still runs is followed to its end. Possible for five minutes after the last event. The agent does not run again and nothing is counted.",
  access: { kind: "user", scope: "invoke" },
  params: agentParams.extend({ streamId: idSchema }),
  answer: { kind: "events", status: 200, events: invokeEvents },
  errors: ["NOT_FOUND", "RATE_LIMITED", "UNAVAILABLE"],
});
