import { z } from "zod";
import { endpoint } from "../endpoint.ts";
import { openAi } from "../protocols.ts";
import { invokeLimits } from "../schemas/invoke.ts";
import { openAiModelName } from "../schemas/open-ai-parameters.ts";
import { createResponseBody, openAiResponse, openAiResponseEvents } from "../schemas/open-ai-responses.ts";
import { chatCompletion, chatCompletionBody, chatCompletionChunk, openAiModel, openAiModels } from "../schemas/open-ai.ts";

export const createChatCompletion = endpoint({
  name: "openai.createChatCompletion",
  method: "POST",
  path: "/v1/chat/completions",
  summary: "Invoke an agent as OpenAI's Chat Completions do",
  description:
    "`model` is the agent's name or id. With `stream: true` the answer is server-sent events without names, and ends with `data: [DONE]`. The header `X-WHS-Session-Id` names the session, in answers and in requests that go on with one.",
  protocol: openAi,
  access: { kind: "user", scope: "invoke" },
  body: { kind: "json", schema: chatCompletionBody, maxBytes: invokeLimits.bodyBytes },
  answer: { kind: "json", status: 200, schema: chatCompletion, headers: ["X-WHS-Session-Id"] },
  alternative: { kind: "events", status: 200, events: { message: chatCompletionChunk } },
  errors: ["NOT_FOUND", "CONFLICT", "RATE_LIMITED", "LIMIT_EXCEEDED", "RUNTIME_ERROR", "UNAVAILABLE"],
});

export const createResponse = endpoint({
  name: "openai.createResponse",
  method: "POST",
  path: "/v1/responses",
  summary: "Invoke an agent as OpenAI's Responses do",
  description:
    "`model` is the agent's name or id. `previous_response_id` goes on with the session of a response. Responses are not stored: none can be retrieved or deleted.",
  protocol: openAi,
  access: { kind: "user", scope: "invoke" },
  body: { kind: "json", schema: createResponseBody, maxBytes: invokeLimits.bodyBytes },
  answer: { kind: "json", status: 200, schema: openAiResponse, headers: ["X-WHS-Session-Id"] },
  alternative: { kind: "events", status: 200, events: openAiResponseEvents },
  errors: ["NOT_FOUND", "CONFLICT", "RATE_LIMITED", "LIMIT_EXCEEDED", "RUNTIME_ERROR", "UNAVAILABLE"],
});

export const listModels = endpoint({
  name: "openai.listModels",
  method: "GET",
  path: "/v1/models",
  summary: "List the agents that can be invoked, as OpenAI's models",
  protocol: openAi,
  access: { kind: "user", scope: "invoke" },
  answer: { kind: "json", status: 200, schema: openAiModels },
  errors: [],
});

export const getModel = endpoint({
  name: "openai.getModel",
  method: "GET",
  path: "/v1/models/{model}",
  summary: "Get an agent that can be invoked, as a model of OpenAI's",
  protocol: openAi,
  access: { kind: "user", scope: "invoke" },
  params: z.strictObject({ model: openAiModelName }),
  answer: { kind: "json", status: 200, schema: openAiModel },
  errors: ["NOT_FOUND"],
});
