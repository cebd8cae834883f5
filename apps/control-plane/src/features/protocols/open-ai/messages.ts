import type { Message } from "@whs/api";

interface OpenAiMessage {
  role: "developer" | "system" | "user" | "assistant" | "tool";
  content?: string | readonly { text: string }[] | null | undefined;
  refusal?: string | null | undefined;
}

/** Parts of a content are one text for an agent. */
export function toMessage({ role, content, refusal }: OpenAiMessage): Message {
  return {
    role: role === "developer" ? "system" : role,
    content: typeof content === "string" ? content : (content?.map(({ text }) => text).join("") ?? refusal ?? ""),
  };
}
