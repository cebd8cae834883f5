import type { CreateResponseBody, OpenAiResponse, OutputMessage, OutputText } from "@whs/api";
import type { InvokeUsage } from "@whs/runtimes";
import { splitTokens } from "../token-split.ts";

/** A response as it begins; what it does not say of itself has OpenAI's default. */
export function startResponse(body: CreateResponseBody, own: Pick<OpenAiResponse, "id" | "model" | "created_at">): OpenAiResponse {
  return {
    ...own,
    object: "response",
    status: "in_progress",
    error: null,
    incomplete_details: null,
    output: [],
    usage: null,
    instructions: body.instructions ?? null,
    max_output_tokens: body.max_output_tokens ?? null,
    metadata: body.metadata ?? {},
    previous_response_id: body.previous_response_id ?? null,
    temperature: body.temperature ?? null,
    background: false,
    store: false,
    parallel_tool_calls: true,
    text: { format: { type: "text" } },
    tool_choice: body.tool_choice ?? "auto",
    tools: [],
    top_p: null,
  };
}

/** `shown` is what there is of the agent's `text`. */
export function ended(
  response: OpenAiResponse,
  { itemId, shown, usage, reason, text }: { itemId: string; shown: string; usage: InvokeUsage; reason: "stop" | "length"; text: string },
): OpenAiResponse {
  const status = reason === "length" ? "incomplete" : "completed";
  const { input, output, total } = splitTokens(usage, text);
  return {
    ...response,
    status,
    incomplete_details: reason === "length" ? { reason: "max_output_tokens" } : null,
    output: [{ ...messageOf(itemId, status), content: [outputText(shown)] }],
    usage: {
      input_tokens: input,
      input_tokens_details: { cached_tokens: 0 },
      output_tokens: output,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: total,
    },
  };
}

export function failed(response: OpenAiResponse, error: NonNullable<OpenAiResponse["error"]>): OpenAiResponse {
  return { ...response, status: "failed", error };
}

export function messageOf(id: string, status: OutputMessage["status"]): OutputMessage {
  return { type: "message", id, role: "assistant", status, content: [] };
}

export function outputText(text: string): OutputText {
  return { type: "output_text", text, annotations: [], logprobs: [] };
}
