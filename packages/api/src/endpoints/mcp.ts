import { endpoint } from "../endpoint.ts";
import { mcp } from "../protocols.ts";
import { invokeLimits } from "../schemas/invoke.ts";
import { jsonRpcEvent, jsonRpcRequest, jsonRpcResponse } from "../schemas/json-rpc.ts";

export const sendMcpMessage = endpoint({
  name: "mcp.send",
  method: "POST",
  path: "/mcp",
  summary: "Use agents, and what runs them, as tools of the Model Context Protocol",
  description:
    "Streamable HTTP, revisions 2026-07-28, 2025-11-25 and 2025-06-18. The tools are the agents that can be invoked, with the scope `invoke`, and those of the control plane, each with its own scope. A notification is answered with 202 and no body. A call with a progress token streams what the agent says as progress.",
  protocol: mcp,
  access: { kind: "user", scope: null },
  body: { kind: "json", schema: jsonRpcRequest, maxBytes: invokeLimits.bodyBytes },
  answer: { kind: "json", status: 200, schema: jsonRpcResponse, headers: ["Mcp-Session-Id"] },
  alternative: { kind: "events", status: 200, events: { message: jsonRpcEvent } },
  errors: ["NOT_FOUND", "RATE_LIMITED", "UNAVAILABLE"],
});
