import type { Agent } from "@whs/api";
import { notFound } from "@whs/platform/errors";
import type { Context } from "../../context.ts";
import { toAgent } from "./present.ts";
import { statusWhenEnabled } from "./state.ts";
import { lockAgent, setAgentStatus } from "./store.ts";

/** Stops an agent from serving; every gateway knows before this answers. Disabling twice changes nothing. */
export function disableAgent(context: Context, input: { id: string }): Promise<{ agent: Agent }> {
  return switchAgent(context, input.id, "disabled");
}

export function enableAgent(context: Context, input: { id: string }): Promise<{ agent: Agent }> {
  return switchAgent(context, input.id, "enabled");
}

async function switchAgent(context: Context, id: string, to: "disabled" | "enabled"): Promise<{ agent: Agent }> {
  const answer = await context.write({ action: `agent.${to}`, target: id }, async (transaction) => {
    const agent = await lockAgent(transaction, context.user.id, id);
    if (agent === undefined) throw notFound("Agent");
    if ((agent.status === "disabled") === (to === "disabled")) return { agent: toAgent(agent) };
    return { agent: toAgent(await setAgentStatus(transaction, id, to === "disabled" ? "disabled" : statusWhenEnabled(agent))) };
  });
  await context.forgetRoute(id);
  return answer;
}
