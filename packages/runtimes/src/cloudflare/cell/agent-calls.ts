/** Calls of agents by agents, on the trusted side: a running invocation's token never enters its agent's isolate. */
import { type AgentCallOutcome, MAX_OPEN_CALLS } from "@whs/agent/runtime";
import { refusedCall, unreachable } from "../../agent-calls.ts";
import type { AgentCallOrder } from "./control.ts";
import type { CellEnv } from "./env.ts";

interface CallingInvocation {
  deploymentId: string;
  token: string;
  open: number;
  /** Made with its first call. Settled by another request than those that wait for it. */
  ended: PromiseWithResolvers<void> | null;
}
/** Running invocations, by the key with which their shim names them. */
const running = new Map<string, CallingInvocation>();
/** Of all agents of the cell. */
let openCalls = 0;

export function allowCalls(deploymentId: string, token: string): string {
  const key = crypto.randomUUID();
  running.set(key, { deploymentId, token, open: 0, ended: null });
  return key;
}

/** What is still open ends. */
export function endCalls(key: string): void {
  running.get(key)?.ended?.resolve();
  running.delete(key);
}

export async function carryOutCall(env: CellEnv, deploymentId: string, key: string, call: unknown): Promise<AgentCallOutcome> {
  const invocation = running.get(key);
  if (invocation === undefined || invocation.deploymentId !== deploymentId) return HAS_ENDED;
  if (invocation.open >= MAX_OPEN_CALLS || openCalls >= env.LIMITS.maxOutbound) return TOO_MANY;
  invocation.open += 1;
  openCalls += 1;
  try {
    return await ask(env, invocation, call);
  } finally {
    invocation.open -= 1;
    openCalls -= 1;
  }
}

async function ask(env: CellEnv, invocation: CallingInvocation, call: unknown): Promise<AgentCallOutcome> {
  const stop = new AbortController();
  invocation.ended ??= Promise.withResolvers<void>();
  void invocation.ended.promise.then(() => stop.abort());
  const body = JSON.stringify({ token: invocation.token, call } satisfies AgentCallOrder);
  try {
    const response = await env.CONTROL.fetch("http://control/agent-calls", { method: "POST", body, signal: stop.signal });
    if (response.ok) return (await response.json()) as AgentCallOutcome;
    await response.arrayBuffer();
    return unreachable;
  } catch {
    // The supervisor is away: the agent is told so.
    return stop.signal.aborted ? HAS_ENDED : unreachable;
  }
}

const HAS_ENDED = refusedCall("RUNTIME_ERROR", "The invocation has ended: it calls no more agents.", false);
const TOO_MANY = refusedCall("UNAVAILABLE", "Too many calls of agents are open at once.", true);
