import * as endpoints from "@whs/api";
import type { Bind } from "@whs/platform/http";
import type { Context } from "../../context.ts";
import { createAgent } from "./create-agent.ts";
import { deleteAgent } from "./delete-agent.ts";
import { getAgent } from "./get-agent.ts";
import { listAgents } from "./list-agents.ts";
import { disableAgent, enableAgent } from "./switch-agent.ts";
import { updateAgent } from "./update-agent.ts";

export function bindAgents(bind: Bind<Context>): void {
  bind(endpoints.createAgent, (context, { body }) => createAgent(context, body));
  bind(endpoints.listAgents, (context, { query }) => listAgents(context, query));
  bind(endpoints.getAgent, (context, { params }) => getAgent(context, params));
  bind(endpoints.updateAgent, (context, { params, body }) => updateAgent(context, { id: params.id, changes: body }));
  bind(endpoints.disableAgent, (context, { params }) => disableAgent(context, params));
  bind(endpoints.enableAgent, (context, { params }) => enableAgent(context, params));
  bind(endpoints.deleteAgent, (context, { params }) => deleteAgent(context, params));
}
