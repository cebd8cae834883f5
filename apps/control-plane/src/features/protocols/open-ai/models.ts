import type { AnswerOf, getModel, listModels } from "@whs/api";
import { notFound } from "@whs/platform/errors";
import { idTimeMs } from "@whs/platform/ids";
import type { Context } from "../../../context.ts";
import { listServingAgents } from "../../agents/index.ts";
import { findAgent, type Gateway } from "../../invocations/index.ts";

type Model = AnswerOf<typeof getModel>;

export async function listServingModels(context: Context): Promise<AnswerOf<typeof listModels>> {
  const agents = await listServingAgents(context);
  return { object: "list", data: agents.map(({ id, name, user_id }) => toModel(name, id, user_id)) };
}

/** @throws AppError `NOT_FOUND`, also for an agent that cannot be invoked now */
export async function findModel(gateway: Gateway, context: Context, model: string): Promise<Model> {
  const { name, agentId, userId, status, active } = await findAgent(gateway, context, model);
  if (status === "disabled" || active === null) throw notFound("Agent");
  return toModel(name, agentId, userId);
}

function toModel(name: string, agentId: string, userId: string): Model {
  return { id: name, object: "model", created: Math.floor(idTimeMs(agentId) / 1000), owned_by: userId };
}
