/** For runtimes, not for authors: finds the agent in a loaded module, runs one invocation, and reads what it returned. */
export { type AgentCallOutcome, MAX_OPEN_CALLS, type SendAgentCall } from "./agents.ts";
export { AnswerError, readAnswer, type AnswerResult, type AnswerSink } from "./answer.ts";
export { AgentResponseError, callFetchAgent } from "./fetch-agent.ts";
export { createSession, statelessSession } from "./session.ts";
export { describeFailure, findAgent, runInvocation, ModuleShapeError, type LoadedAgent, type Invocation } from "./invocation.ts";
