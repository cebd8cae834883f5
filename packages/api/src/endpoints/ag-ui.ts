import { z } from "zod";
import { endpoint } from "../endpoint.ts";
import { agUi } from "../protocols.ts";
import { agUiEvents, runAgentInput } from "../schemas/ag-ui.ts";
import { idSchema } from "../schemas/base.ts";
import { invokeLimits } from "../schemas/invoke.ts";

export const runAgentForUi = endpoint({
  name: "ag-ui.run",
  method: "POST",
  path: "/ag-ui/{agentId}",
  summary: "Run an agent for a user interface, by the AG-UI protocol",
  description:
    "`agentId` is the agent's id or name. Runs of one `threadId` share a session. What is refused before the run starts has a status of its own, and the body is a `RUN_ERROR`.",
  protocol: agUi,
  access: { kind: "user", scope: "invoke" },
  params: z.strictObject({ agentId: idSchema }),
  body: { kind: "json", schema: runAgentInput, maxBytes: invokeLimits.bodyBytes },
  answer: { kind: "events", status: 200, events: agUiEvents },
  errors: ["NOT_FOUND", "CONFLICT", "RATE_LIMITED", "LIMIT_EXCEEDED", "RUNTIME_ERROR", "UNAVAILABLE"],
});
