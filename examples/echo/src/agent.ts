import { defineAgent } from "@whs/agent";

/** Answers what it is told: the same message, the same answer. */
export default defineAgent({
  invoke({ messages }) {
    return messages.at(-1)?.content ?? "";
  },
});
