import { activateDeployment as activation, idSchema, pageQuerySchema, periodSchema, type Scope } from "@whs/api";
import { parseInput } from "@whs/platform/http";
import { z } from "zod";
import type { Context } from "../../../context.ts";
import { listAgents } from "../../agents/index.ts";
import { activateDeployment, listDeployments } from "../../deployments/index.ts";
import { findAgent, type Gateway } from "../../invocations/index.ts";
import { getTrace, getUsage, listFailedInvocations } from "../../usage/index.ts";
import { type ControlTool, inputSchemaOf } from "./tool.ts";

const page = {
  limit: z.int().min(1).max(100).default(25),
  cursor: pageQuerySchema.shape.cursor.describe("The nextCursor of the page before"),
};
const agent = idSchema.describe("The agent's name or id");

function tool<S extends z.ZodObject>(
  definition: { name: string; title: string; description: string; scope: Scope; changes?: boolean },
  schema: S,
  use: (gateway: Gateway, context: Context, input: z.output<S>) => Promise<object>,
): ControlTool {
  const { name, title, description, scope, changes = false } = definition;
  return {
    definition: {
      name,
      title,
      description,
      inputSchema: inputSchemaOf(schema),
      annotations: changes
        ? { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: false }
        : { readOnlyHint: true, openWorldHint: false },
    },
    scope,
    changes,
    call: (gateway, context, input) => use(gateway, context, parseInput(schema, input)),
  };
}

/** What the console shows, for assistants: the caller's own, by the use cases that `/v1` answers with. */
export const controlTools: readonly ControlTool[] = [
  tool(
    {
      name: "whs_list_agents",
      title: "List agents",
      description: "The agents of this account, newest first: status, runtime, and which deployment serves.",
      scope: "agents:read",
    },
    z.strictObject(page),
    (_gateway, context, input) => listAgents(context, input),
  ),
  tool(
    {
      name: "whs_list_deployments",
      title: "Deployment status",
      description: "The deployments of an agent, newest first: version, status, and why one failed.",
      scope: "agents:read",
    },
    z.strictObject({ agent, ...page }),
    async (gateway, context, { agent: named, ...input }) => {
      const { agentId } = await findAgent(gateway, context, named);
      return listDeployments(context, { id: agentId, ...input });
    },
  ),
  tool(
    {
      name: "whs_list_errors",
      title: "Recent errors",
      description: "The failed invocations of an agent, newest first. whs_get_trace tells more of one.",
      scope: "usage:read",
    },
    z.strictObject({ agent, ...page }),
    async (gateway, context, { agent: named, ...input }) => {
      const { agentId } = await findAgent(gateway, context, named);
      return listFailedInvocations(context, { id: agentId, ...input });
    },
  ),
  tool(
    {
      name: "whs_get_trace",
      title: "Why did it fail?",
      description: "Everything known of the invocations with a trace id: outcome, usage and log lines.",
      scope: "usage:read",
    },
    z.strictObject({ traceId: idSchema }),
    (_gateway, context, input) => getTrace(context, input),
  ),
  tool(
    {
      name: "whs_get_usage",
      title: "Usage",
      description: "What the account used in a month, against the limits of its plan.",
      scope: "usage:read",
    },
    z.strictObject({ period: periodSchema.optional().describe("YYYY-MM; the current month by default") }),
    (_gateway, context, input) => getUsage(context, input),
  ),
  tool(
    {
      name: "whs_activate_deployment",
      title: "Activate a deployment",
      description: "Rolls an agent back or forward: the named deployment serves from the next request on.",
      scope: "deployments:write",
      changes: true,
    },
    z.strictObject({ agent, deploymentId: idSchema, ...activation.body.schema.shape }),
    async (gateway, context, { agent: named, ...input }) => {
      const { agentId } = await findAgent(gateway, context, named);
      return activateDeployment(context, { agentId, ...input });
    },
  ),
];

export function findControlTool(name: string): ControlTool | undefined {
  return controlTools.find(({ definition }) => definition.name === name);
}
