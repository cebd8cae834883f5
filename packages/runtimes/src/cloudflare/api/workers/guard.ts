/**
 * Evaluated in the agent's isolate before the agent's own code: takes our bindings away, and keeps the agent's secrets out
 * of what it logs. The second is for authors, not against them: they can read their own secrets in any case.
 */
import { env, type DurableObjectNamespace, type Fetcher } from "cloudflare:workers";
import { CALLS_BINDING, REVISION_BINDING, SESSIONS_BINDING } from "./env.ts";
import { createRedaction, type Redaction } from "./redaction.ts";
import type { SessionObjectStub } from "./session-object.ts";

export interface Guard {
  /** The sessions of this agent; absent when it keeps none. */
  sessions: DurableObjectNamespace<SessionObjectStub> | undefined;
  /** The dispatch Worker's door for calls of other agents. */
  calls: Fetcher | undefined;
  revision: string;
  redaction: Redaction;
  /** What the agent may see of its bindings. */
  agentEnv: Readonly<Record<string, unknown>>;
}

const OURS: readonly string[] = [SESSIONS_BINDING, CALLS_BINDING, REVISION_BINDING];

function prepare(): Guard {
  const sessions = env[SESSIONS_BINDING] as Guard["sessions"];
  const revision = env[REVISION_BINDING];
  const calls = env[CALLS_BINDING] as Guard["calls"];
  for (const name of OURS) delete env[name];
  const agentEnv = Object.fromEntries(Object.entries(env).filter(([name]) => !OURS.includes(name)));
  const redaction = createRedaction(Object.values(agentEnv).filter((value) => typeof value === "string"));
  redaction.guardConsole();
  return { sessions, calls, revision: typeof revision === "string" ? revision : "0", redaction, agentEnv };
}

export const guard: Guard = prepare();
