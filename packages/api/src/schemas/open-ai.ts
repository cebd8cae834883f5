import { z } from "zod";
import { agentsOwnTools, ignored, noTools, openAiModelName, refused, textFormat } from "./open-ai-parameters.ts";

/** OpenAI's Chat Completions and models, as far as an agent can answer them. */

const textPart = z.strictObject({ type: z.literal("text", "must be text: agents take no other content"), text: z.string() });

const chatMessage = z.strictObject({
  role: z.enum(["developer", "system", "user", "assistant", "tool"]),
  content: z.union([z.string(), z.array(textPart).min(1).max(256)]).nullish(),
  name: z.string().max(256).optional(),
  tool_call_id: z.string().max(256).optional(),
  tool_calls: noTools,
  function_call: refused(agentsOwnTools),
  refusal: z.string().nullish(),
  annotations: ignored,
  audio: refused("is not supported: agents take text"),
});

const stopTexts = z.union([z.string().min(1).max(256), z.array(z.string().min(1).max(256)).max(4)]);

export const chatCompletionBody = z
  .strictObject({
    model: openAiModelName,
    messages: z.array(chatMessage).min(1),
    stream: z.boolean().optional(),
    stream_options: z.strictObject({ include_usage: z.boolean().optional(), include_obfuscation: z.boolean().optional() }).optional(),
    temperature: z.number().min(0).max(2).optional(),
    max_tokens: z.int().min(1).optional(),
    max_completion_tokens: z.int().min(1).optional(),
    stop: stopTexts.optional(),
    n: z.literal(1, "must be 1: an agent answers once").optional(),
    response_format: textFormat.optional(),
    modalities: z.array(z.literal("text", "must be text")).max(1).optional(),
    logprobs: z.literal(false, "is not supported").optional(),
    top_logprobs: refused("is not supported"),
    tools: noTools,
    tool_choice: z.enum(["none", "auto"], agentsOwnTools).optional(),
    functions: noTools,
    function_call: z.enum(["none", "auto"], agentsOwnTools).optional(),
    web_search_options: refused(agentsOwnTools),
    audio: refused("is not supported: agents answer with text"),
    frequency_penalty: ignored,
    logit_bias: ignored,
    metadata: ignored,
    parallel_tool_calls: ignored,
    prediction: ignored,
    presence_penalty: ignored,
    prompt_cache_key: ignored,
    prompt_cache_retention: ignored,
    reasoning_effort: ignored,
    safety_identifier: ignored,
    seed: ignored,
    service_tier: ignored,
    store: ignored,
    top_p: ignored,
    user: ignored,
    verbosity: ignored,
  })
  .refine(({ stream, stream_options }) => stream === true || stream_options === undefined, {
    path: ["stream_options"],
    message: "is only possible with stream",
  });
export type ChatCompletionBody = z.output<typeof chatCompletionBody>;

const finishReason = z.enum(["stop", "length"]);

const chatUsage = z.object({ prompt_tokens: z.int(), completion_tokens: z.int(), total_tokens: z.int() });

export const chatCompletion = z.object({
  id: z.string(),
  object: z.literal("chat.completion"),
  created: z.int(),
  model: z.string(),
  choices: z.array(
    z.object({
      index: z.int(),
      message: z.object({ role: z.literal("assistant"), content: z.string(), refusal: z.null() }),
      logprobs: z.null(),
      finish_reason: finishReason,
    }),
  ),
  usage: chatUsage,
});
export type ChatCompletion = z.output<typeof chatCompletion>;

export const chatCompletionChunk = z.object({
  id: z.string(),
  object: z.literal("chat.completion.chunk"),
  created: z.int(),
  model: z.string(),
  choices: z.array(
    z.object({
      index: z.int(),
      delta: z.object({ role: z.literal("assistant").optional(), content: z.string().optional() }),
      logprobs: z.null(),
      finish_reason: finishReason.nullable(),
    }),
  ),
  usage: chatUsage.nullish(),
});
export type ChatCompletionChunk = z.output<typeof chatCompletionChunk>;

export const openAiModel = z.object({ id: z.string(), object: z.literal("model"), created: z.int(), owned_by: z.string() });
export const openAiModels = z.object({ object: z.literal("list"), data: z.array(openAiModel) });
