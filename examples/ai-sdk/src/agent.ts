import { defineAgent } from "@whs/agent";
import { streamText } from "ai";
import { model } from "./model.ts";

/** A language model's answer, streamed as it comes. Put a real model in the place of `model`. */
export default defineAgent({
  invoke({ messages, signal }) {
    const prompt = messages.map(({ role, content }) => ({ role: role === "tool" ? "user" : role, content }) as const);
    return streamText({ model, messages: prompt, abortSignal: signal }).textStream;
  },
});
