import { AppError, notFound } from "@whs/platform/errors";
import { idTimeMs } from "@whs/platform/ids";
import { ProviderError } from "@whs/runtimes";
import type { Context } from "../../context.ts";
import { type AgentRow, requireAgent } from "../agents/index.ts";
import type { Gateway } from "./gateway.ts";
import { clockSkewMs } from "./prepare.ts";
import { forgetSession, hasSession, markEnded } from "./session-store.ts";

/**
 * Ends a session, and then removes what the runtime keeps of it. Repeating it removes what a runtime that was away could not.
 * @throws AppError `NOT_FOUND`; `UNAVAILABLE` when the runtime is away
 */
export async function endSession(gateway: Gateway, context: Context, input: { id: string; sessionId: string }): Promise<void> {
  const { sessionId } = input;
  const agent = await requireAgent(context, input.id);
  if (!gateway.sessionIds.verify(sessionId, { userId: context.user.id, agentId: agent.id })) throw notFound("Session");
  const now = context.now();
  const madeAt = idTimeMs(sessionId);
  const event = { action: "session.ended", target: sessionId, metadata: { agentId: agent.id } };
  const isNamedByClient = madeAt > now.getTime() + clockSkewMs;
  const expiresAt = new Date(madeAt + context.config.sessionIdleMs + clockSkewMs);
  // By its age alone an id without a row is expired.
  if ((isNamedByClient || expiresAt <= now) && !(await hasSession(context.db, agent.id, sessionId))) throw notFound("Session");
  if (!isNamedByClient) {
    const session = { id: sessionId, userId: context.user.id, agentId: agent.id, runtimeProvider: agent.runtime_provider, expiresAt };
    await context.write(event, (transaction) => markEnded(transaction, session, now));
    await context.forgetRoute(agent.id);
  }
  await removeFromRuntime(context, agent, sessionId);
  // Its id comes again with the client's next message, so nothing of it may stay that refuses it.
  if (isNamedByClient) await context.write(event, (transaction) => forgetSession(transaction, sessionId));
}

async function removeFromRuntime(context: Context, agent: AgentRow, sessionId: string): Promise<void> {
  try {
    await context.providers[agent.runtime_provider]?.destroySession({
      userId: context.user.id,
      agentId: agent.id,
      providerSessionId: sessionId,
    });
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    throw new AppError("UNAVAILABLE", "The runtime cannot remove the session at the moment; try again.", { cause: error });
  }
}
