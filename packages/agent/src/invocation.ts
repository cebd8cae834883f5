import { createAgents, type SendAgentCall } from "./agents.ts";
import { AnswerError, readAnswer, type AnswerResult, type AnswerSink } from "./answer.ts";
import { callFetchAgent } from "./fetch-agent.ts";
import type { Agent, FetchAgent, FetchContext, InvokeArguments, Tools } from "./types.ts";

/** The entrypoint exports neither form of an agent; the message tells the author what to export. */
export class ModuleShapeError extends Error {
  override readonly name = "ModuleShapeError";
}

export type LoadedAgent = { form: "invoke"; agent: Agent<never> } | { form: "fetch"; agent: FetchAgent<never> };

export interface Invocation extends Omit<InvokeArguments<never>, "env" | "tools" | "agents"> {
  env: unknown;
  waitUntil: FetchContext["waitUntil"];
  /** Whether the caller wants pieces as they come. */
  stream: boolean;
  /** None unless told. */
  tools?: Tools;
  /** Brings a call to the platform; where it is absent, agents are told that nobody can be called. */
  callAgent?: SendAgentCall | undefined;
}

/** The agent in a module's namespace: a default export with `invoke` or `fetch`, or exports of these names. */
export function findAgent(module: Readonly<Record<string, unknown>>): LoadedAgent {
  for (const candidate of [module.default, module]) {
    if (hasMethod<Agent<never>>(candidate, "invoke")) return { form: "invoke", agent: candidate };
    if (hasMethod<FetchAgent<never>>(candidate, "fetch")) return { form: "fetch", agent: candidate };
  }
  const exported = Object.keys(module);
  throw new ModuleShapeError(
    `The entrypoint must export an agent, as in "export default { invoke(…) { … } }", or a handler with fetch(request, env, ctx). It exports ${exported.length === 0 ? "nothing" : exported.slice(0, 10).join(", ")}.`,
  );
}

/** Runs one invocation to its end. @throws what the agent threw, AnswerError, or the signal's reason. */
export async function runInvocation(loaded: LoadedAgent, invocation: Invocation, sink: AnswerSink): Promise<AnswerResult> {
  const { waitUntil, stream, tools = {}, callAgent, ...args } = invocation;
  const { agents, end } = createAgents(callAgent, args.signal);
  // What `env` holds is the author's declaration; nothing here looks into it.
  const typed = { ...args, tools, agents } as InvokeArguments<never>;
  try {
    if (loaded.form === "invoke") return await readAnswer(loaded.agent.invoke(typed), sink);
    return await readAnswer(callFetchAgent(loaded.agent, typed, waitUntil, stream), sink);
  } finally {
    end();
  }
}

/** Longest message of an agent's error that is passed on, in UTF-16 units. */
const MAX_MESSAGE = 1000;

/** What may be shown of an error that agent code threw: its message (with its name where that tells more), without stack, bounded. */
export function describeFailure(error: unknown): string {
  if (error instanceof AnswerError) return error.message.slice(0, MAX_MESSAGE);
  const message = error instanceof Error ? (error.name === "Error" ? error.message : `${error.name}: ${error.message}`) : String(error);
  return message.slice(0, MAX_MESSAGE);
}

function hasMethod<T>(value: unknown, name: string & keyof T): value is T {
  if ((typeof value !== "object" && typeof value !== "function") || value === null) return false;
  return typeof (value as Record<string, unknown>)[name] === "function";
}
