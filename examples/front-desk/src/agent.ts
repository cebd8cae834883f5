import { type AgentCallError, defineAgent } from "@whs/agent";

/** Passes each question on to the agent that knows. Shows how agents call each other, and what a call that fails looks like. */
export default defineAgent({
  async invoke({ messages, agents }) {
    const question = messages.at(-1)?.content ?? "";
    const agent = /\border\b/i.test(question) ? "order-desk" : "echo";
    try {
      const { output } = await agents.invoke(agent, question);
      return `${agent} says: ${output.text}`;
    } catch (error) {
      const { code, message } = error as AgentCallError;
      if (code === "NOT_FOUND") return `There is no agent named ${agent} yet: deploy it first.`;
      console.warn(`${agent} did not answer: ${code} ${message}`);
      return `${agent} cannot answer now.`;
    }
  },
});
