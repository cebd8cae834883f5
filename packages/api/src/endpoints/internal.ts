import { z } from "zod";
import { endpoint } from "../endpoint.ts";
import { agentCallBody, invokeLimits, invokeResponseSchema } from "../schemas/invoke.ts";
import { introspectBody, introspectionSchema } from "../schemas/introspection.ts";

/** Between the parts of one installation; not part of the published contract. */
export const reportLogs = endpoint({
  name: "internal.reportLogs",
  method: "POST",
  path: "/v1/internal/logs",
  summary: "Log lines of agents, as NDJSON, from a supervisor",
  access: { kind: "signature", headers: ["X-WHS-Delegation-Source", "X-WHS-Delegation-Timestamp", "X-WHS-Delegation-Signature"] },
  body: { kind: "raw", contentTypes: ["application/x-ndjson"], maxBytes: 4 * 1024 * 1024, schema: z.string() },
  answer: { kind: "json", status: 202, schema: z.object({ accepted: z.int() }) },
  errors: [],
});

/** A runtime brings the call of an agent by another one; the token is the calling invocation's. */
export const callAgent = endpoint({
  name: "internal.callAgent",
  method: "POST",
  path: "/v1/internal/agent-calls",
  summary: "An agent calls another one of its owner's, from a runtime",
  access: { kind: "signature", headers: ["X-WHS-Call-Token"] },
  body: { kind: "raw", contentTypes: ["application/json"], maxBytes: invokeLimits.bodyBytes, schema: agentCallBody },
  answer: { kind: "json", status: 200, schema: invokeResponseSchema },
  errors: ["UNAUTHORIZED", "NOT_FOUND", "CONFLICT", "RATE_LIMITED", "LIMIT_EXCEEDED", "RUNTIME_ERROR", "UNAVAILABLE"],
});

/** The marketplace asks whom an API token stands for, so that one token serves both APIs. */
export const introspectToken = endpoint({
  name: "internal.introspectToken",
  method: "POST",
  path: "/v1/internal/tokens/introspect",
  summary: "Whom an API token stands for, told to the marketplace",
  access: { kind: "signature", headers: ["X-WHS-Delegation-Source", "X-WHS-Delegation-Timestamp", "X-WHS-Delegation-Signature"] },
  body: { kind: "raw", contentTypes: ["application/json"], maxBytes: 16 * 1024, schema: introspectBody },
  answer: { kind: "json", status: 200, schema: introspectionSchema },
  errors: [],
});
