export { addAgent } from "./add-agent.ts";
export { removeAgent, removeAgentJob } from "./delete-agent.ts";
export { requireAgent } from "./get-agent.ts";
export { toAgent } from "./present.ts";
export { listServingAgents } from "./list-serving-agents.ts";
export { bindAgents } from "./routes.ts";
export { nameTaken, requireRuntime, requireTools } from "./rules.ts";
export { statusAfterFailure } from "./state.ts";
export { type AgentRow, lockAgent, updateAgent } from "./store.ts";
