import { createChatCompletion, createResponse, getModel, listModels } from "@whs/api";
import type { Bind } from "@whs/platform/http";
import type { Context } from "../../../context.ts";
import type { Gateway } from "../../invocations/index.ts";
import { completeChat } from "./complete-chat.ts";
import { findModel, listServingModels } from "./models.ts";
import { respond } from "./respond.ts";

export function bindOpenAi(bind: Bind<Context>, gateway: Gateway): void {
  bind(createChatCompletion, (context, { body, http }) => completeChat(gateway, context, body, http));
  bind(createResponse, (context, { body, http }) => respond(gateway, context, body, http));
  bind(listModels, (context) => listServingModels(context));
  bind(getModel, (context, { params }) => findModel(gateway, context, params.model));
}
