/**
 * Evaluated in the agent's isolate before the agent's own code: takes our bindings away, and keeps the agent's secrets out
 * of what it logs. The second is for authors, not against them: they can read their own secrets in any case.
 */
import { env, type DurableObjectNamespace } from "cloudflare:workers";
import { REVISION_BINDING, SESSIONS_BINDING } from "./env.ts";
import { createRedaction, type Redaction } from "./redaction.ts";
import type { SessionObjectStub } from "./session-object.ts";

export interface Guard {
  /** The sessions of this agent; absent when it keeps none. */
  sessions: DurableObjectNamespace<SessionObjectStub> | undefined;
  revision: string;
  redaction: Redaction;
  /** What the agent may see of its bindings. */
  agentEnv: Readonly<Record<string, unknown>>;
}

function prepare(): Guard {
  const sessions = env[SESSIONS_BINDING] as Guard["sessions"];
  const revision = env[REVISION_BINDING];
  delete env[SESSIONS_BINDING];
  delete env[REVISION_BINDING];
  const agentEnv = Object.fromEntries(Object.entries(env).filter(([name]) => name !== SESSIONS_BINDING && name !== REVISION_BINDING));
  const redaction = createRedaction(Object.values(agentEnv).filter((value) => typeof value === "string"));
  redaction.guardConsole();
  return { sessions, revision: typeof revision === "string" ? revision : "0", redaction, agentEnv };
}

export const guard: Guard = prepare();
