import { z } from "zod";
import { textSchema } from "./base.ts";
import { agentsOwnTools, ignored, noTools, openAiModelName, refused, textFormat } from "./open-ai-parameters.ts";

/** OpenAI's Responses, as far as an agent can answer them. */

const nothingStored = "is not supported: responses are not stored";

const inputPart = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("input_text"), text: z.string() }),
  z.strictObject({ type: z.literal("output_text"), text: z.string(), annotations: ignored, logprobs: ignored }),
  z.strictObject({ type: z.literal("refusal"), refusal: z.string() }),
]);

const inputMessage = z.strictObject({
  type: z.literal("message", "must be message: agents take no other items, and none is stored").optional(),
  role: z.enum(["developer", "system", "user", "assistant"]),
  content: z.union([z.string(), z.array(inputPart).min(1).max(256)]),
  id: z.string().max(256).optional(),
  status: ignored,
  phase: ignored,
});

export const createResponseBody = z.strictObject({
  model: openAiModelName,
  input: z.union([z.string().min(1), z.array(inputMessage).min(1)]),
  instructions: z.string().optional(),
  previous_response_id: textSchema.min(1).max(256).optional(),
  stream: z.boolean().optional(),
  stream_options: z.strictObject({ include_obfuscation: z.boolean().optional() }).optional(),
  temperature: z.number().min(0).max(2).optional(),
  max_output_tokens: z.int().min(1).optional(),
  metadata: z.record(z.string().max(64), z.string().max(512)).optional(),
  text: z.strictObject({ format: textFormat.optional(), verbosity: ignored }).optional(),
  tools: noTools,
  tool_choice: z.enum(["none", "auto"], agentsOwnTools).optional(),
  background: z.literal(false, nothingStored).optional(),
  conversation: refused("is not supported: go on with previous_response_id"),
  prompt: refused(nothingStored),
  top_logprobs: refused("is not supported"),
  include: ignored,
  max_tool_calls: ignored,
  parallel_tool_calls: ignored,
  prompt_cache_key: ignored,
  prompt_cache_retention: ignored,
  reasoning: ignored,
  safety_identifier: ignored,
  service_tier: ignored,
  store: ignored,
  top_p: ignored,
  truncation: ignored,
  user: ignored,
});
export type CreateResponseBody = z.output<typeof createResponseBody>;

const outputText = z.object({
  type: z.literal("output_text"),
  text: z.string(),
  annotations: z.array(z.never()),
  logprobs: z.array(z.never()),
});
export type OutputText = z.output<typeof outputText>;

const outputMessage = z.object({
  type: z.literal("message"),
  id: z.string(),
  role: z.literal("assistant"),
  status: z.enum(["in_progress", "completed", "incomplete"]),
  content: z.array(outputText),
});
export type OutputMessage = z.output<typeof outputMessage>;

export const openAiResponse = z.object({
  id: z.string(),
  object: z.literal("response"),
  created_at: z.int(),
  model: z.string(),
  status: z.enum(["in_progress", "completed", "incomplete", "failed"]),
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
  incomplete_details: z.object({ reason: z.literal("max_output_tokens") }).nullable(),
  output: z.array(outputMessage),
  usage: z
    .object({
      input_tokens: z.int(),
      input_tokens_details: z.object({ cached_tokens: z.int() }),
      output_tokens: z.int(),
      output_tokens_details: z.object({ reasoning_tokens: z.int() }),
      total_tokens: z.int(),
    })
    .nullable(),
  instructions: z.string().nullable(),
  max_output_tokens: z.int().nullable(),
  metadata: z.record(z.string(), z.string()),
  previous_response_id: z.string().nullable(),
  temperature: z.number().nullable(),
  background: z.literal(false),
  store: z.literal(false),
  parallel_tool_calls: z.boolean(),
  text: z.object({ format: textFormat }),
  tool_choice: z.enum(["none", "auto"]),
  tools: z.array(z.never()),
  top_p: z.null(),
});
export type OpenAiResponse = z.output<typeof openAiResponse>;

const sequence_number = z.int();
const ofResponse = <Type extends string>(type: Type) => z.object({ type: z.literal(type), sequence_number, response: openAiResponse });
const ofItem = <Type extends string>(type: Type) =>
  z.object({ type: z.literal(type), sequence_number, output_index: z.literal(0), item: outputMessage });
const inPart = { sequence_number, item_id: z.string(), output_index: z.literal(0), content_index: z.literal(0) };
const ofPart = <Type extends string>(type: Type) => z.object({ type: z.literal(type), ...inPart, part: outputText });

/** Events of a response, in their order; the last is one of completed, incomplete and failed. */
export const openAiResponseEvents = {
  "response.created": ofResponse("response.created"),
  "response.in_progress": ofResponse("response.in_progress"),
  "response.output_item.added": ofItem("response.output_item.added"),
  "response.content_part.added": ofPart("response.content_part.added"),
  "response.output_text.delta": z.object({
    type: z.literal("response.output_text.delta"),
    ...inPart,
    delta: z.string(),
    logprobs: z.array(z.never()),
  }),
  "response.output_text.done": z.object({
    type: z.literal("response.output_text.done"),
    ...inPart,
    text: z.string(),
    logprobs: z.array(z.never()),
  }),
  "response.content_part.done": ofPart("response.content_part.done"),
  "response.output_item.done": ofItem("response.output_item.done"),
  "response.completed": ofResponse("response.completed"),
  "response.incomplete": ofResponse("response.incomplete"),
  "response.failed": ofResponse("response.failed"),
} as const;
type Events = { [Type in keyof typeof openAiResponseEvents]: z.output<(typeof openAiResponseEvents)[Type]> };
/** An event before it has its place in the stream. */
export type OpenAiResponseEvent = { [Type in keyof Events]: Omit<Events[Type], "sequence_number"> }[keyof Events];
