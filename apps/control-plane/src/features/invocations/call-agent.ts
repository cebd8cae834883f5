import { agentCallBody, type AgentCall, invokeLimits, type InvokeResponse } from "@whs/api";
import { AppError, conflict, invalidRequest } from "@whs/platform/errors";
import { parseInput, toAppError } from "@whs/platform/http";
import { type AgentCallOutcome, type AgentCalls, refusedCall } from "@whs/runtimes";
import { MAX_OPEN_CALLS } from "@whs/agent/runtime";
import { type Dependencies, userContext } from "../../context.ts";
import { actForAgent } from "../access/index.ts";
import type { CallChain } from "./call-token.ts";
import { findAgent } from "./find-agent.ts";
import type { Gateway } from "./gateway.ts";
import { invoke } from "./invoke.ts";
import { isAnyInstalled } from "./store.ts";

/** Calls that may lie between an agent and the request that everything began with. */
const maxDepth = 8;

type CallOfAgent = AgentCall & { chain: CallChain };

/**
 * Invokes an agent for another one of the same owner's, as the owner would: by the same limits and records. Its time ends with
 * the calling invocation's.
 * @throws AppError whatever an invocation may answer; `CONFLICT` for a loop and for a chain that is too long; `UNAUTHORIZED` where
 * the code of somebody else is in the chain
 */
export async function callAgent(
  gateway: Gateway,
  dependencies: Dependencies,
  call: CallOfAgent,
  callerGone: AbortSignal,
): Promise<InvokeResponse> {
  try {
    return await carryOut(gateway, dependencies, call, callerGone);
  } catch (error) {
    dependencies.metrics.refused(error);
    throw error;
  }
}

async function carryOut(
  gateway: Gateway,
  dependencies: Dependencies,
  { chain, agent, request }: CallOfAgent,
  callerGone: AbortSignal,
): Promise<InvokeResponse> {
  const { agentIds, traceId, traceparent } = chain;
  if (agentIds.length > maxDepth) throw conflict(`Agents cannot call each other more than ${maxDepth} deep.`);
  const context = userContext(dependencies, await actForAgent(dependencies.db, chain.userId, callerOf(chain)), traceId);
  if (await isAnyInstalled(dependencies.db, chain.userId, agentIds))
    throw new AppError("UNAUTHORIZED", "An agent that was installed from the marketplace calls no other agents of whoever installed it.");
  const { agentId, name } = await findAgent(gateway, context, agent);
  if (agentIds.includes(agentId))
    throw conflict(`The agent "${name}" is in this chain of calls already: no agent can call itself, nor one that waits for it.`);
  const conversation = request.sessionId === undefined ? conversationOf(chain) : undefined;
  const answer = await invoke(
    gateway,
    context,
    { agentId, body: request, conversation, traceId, traceparent, tellLimits: () => undefined, chain },
    callerGone,
  );
  return { ...answer, traceId };
}

/** What the agent of a running invocation may do with others. `token` is made when a runtime asks for it. */
export function agentCallsOf(gateway: Gateway, dependencies: Dependencies, chain: CallChain): AgentCalls {
  let open = 0;
  return {
    token: () => gateway.callTokens.issue(chain),
    async carryOut(call, ended) {
      if (open >= MAX_OPEN_CALLS) return refusedCall("UNAVAILABLE", "Too many calls of agents are open at once.", true);
      open += 1;
      try {
        return { ok: true, answer: await callAgent(gateway, dependencies, { ...parseCall(call), chain }, ended) };
      } catch (error) {
        return failed(dependencies, chain, error);
      } finally {
        open -= 1;
      }
    },
  };
}

/** @throws AppError as the endpoint for calls does */
function parseCall(call: unknown): AgentCall {
  const parsed = parseInput(agentCallBody, call);
  const { bodyBytes } = invokeLimits;
  if (Buffer.byteLength(JSON.stringify(parsed)) > bodyBytes)
    throw invalidRequest([{ fieldName: "", message: `is larger than ${bodyBytes} bytes` }], { status: 413 });
  return parsed;
}

function failed({ log }: Dependencies, { traceId }: CallChain, error: unknown): AgentCallOutcome {
  const { code, message, retryable } = toAppError(error);
  if (!(error instanceof AppError) || code === "INTERNAL") log.error({ err: error, traceId }, "An agent's call of another one failed");
  return refusedCall(code, message, retryable);
}

function callerOf({ agentIds }: CallChain): string {
  return agentIds.at(-1) ?? "";
}

/** Two turns of one conversation reach the same session of the called agent, and each caller has its own with it. */
function conversationOf(chain: CallChain): string | undefined {
  return chain.sessionId === undefined ? undefined : `call/${callerOf(chain)}/${chain.sessionId}`;
}
