import { getAgentCard as card, sendA2aRequest } from "@whs/api";
import type { Bind } from "@whs/platform/http";
import type { Context } from "../../../context.ts";
import { getAgentCard } from "./agent-card.ts";
import { type A2aOptions, answerRequest } from "./answer-request.ts";
import type { CardSigner } from "./sign-card.ts";

export function bindA2a(bind: Bind<Context>, options: A2aOptions & { signer: CardSigner }): void {
  bind(sendA2aRequest, (context, { params, body, http }) =>
    answerRequest(options, context, { agent: params.agentId, request: body, http }),
  );
  bind(card, (context, { params, http }) => getAgentCard(options.gateway, options.signer, context, { agent: params.agentId, http }));
}
