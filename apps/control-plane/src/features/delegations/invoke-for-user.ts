import { type Delegation, invokeResponseSchema, type InvokeResponse } from "@whs/api";
import type { AuditEvent } from "@whs/platform/db";
import { AppError, notFound, toStoredError } from "@whs/platform/errors";
import { hashKey, type RunOnce } from "@whs/platform/idempotency";
import { redactText } from "@whs/platform/log";
import { createHash } from "node:crypto";
import { type Context, type SystemContext, userContext, withCompletion } from "../../context.ts";
import type { Schema } from "../../database.ts";
import { actFor } from "../access/index.ts";
import { type Gateway, type InvocationRequest, invoke } from "../invocations/index.ts";
import { storedFailure } from "./stored-failure.ts";

export interface DelegatedInvocation {
  /** Who delegates; verified. */
  source: string;
  delegation: Delegation;
  request: InvocationRequest;
}

type Answer = Omit<InvokeResponse, "traceId">;

/**
 * Invokes an agent as its owner, who pays for it and whose limits count. A repeated delegation gets the answer of the
 * first; answer and audit entry commit together.
 * @throws AppError `NOT_FOUND`, the same for an unknown user, an unknown agent and somebody else's
 */
export async function invokeForUser(
  gateway: Gateway,
  runOnce: RunOnce<Schema>,
  context: SystemContext,
  invocation: DelegatedInvocation,
): Promise<{ answer: Answer; replayed: boolean }> {
  const { source, delegation, request } = invocation;
  const caller = await actFor(context.db, delegation.externalUserId, source);
  // Nothing is kept under a key for what does not exist.
  if (caller === undefined || (await gateway.routing.find(caller.user.id, request.agentId)) === undefined) throw notFound("Agent");
  const user = userContext(context, caller, request.traceId);
  const claimed = {
    id: { external_user_id: delegation.externalUserId, agent_id: request.agentId, key_sha256: hashKey(delegation.idempotencyKey) },
    notes: { source },
    requestHash: createHash("sha256")
      .update(JSON.stringify([delegation, request.body]))
      .digest("hex"),
    successStatus: 200,
  };
  const { status, body, replayed } = await runOnce(claimed, async (complete) => {
    const answer = await invokeAudited(gateway, user, invocation);
    const event = auditEvent(invocation, "answered");
    return { status: 200, body: await withCompletion(user, complete).write(event, async () => answer) };
  });
  if (status >= 400) throw storedFailure(status, body);
  return { answer: invokeResponseSchema.parse(body), replayed };
}

/** Failures that end the delegation, or that the runtime was reached for, stand in the user's audit log as well. */
async function invokeAudited(gateway: Gateway, user: Context, invocation: DelegatedInvocation): Promise<Answer> {
  try {
    // The caller repeats the delegation to get the answer, so one that is gone does not stop the agent.
    return await invoke(gateway, user, invocation.request, undefined);
  } catch (error) {
    if (error instanceof AppError && (toStoredError(error) !== undefined || error.code === "RUNTIME_ERROR"))
      await user.write(auditEvent(invocation, error.code), async () => undefined);
    throw error;
  }
}

function auditEvent({ source, delegation, request }: DelegatedInvocation, outcome: string): AuditEvent {
  const correlation = Object.entries(delegation.correlation ?? {}).map(([name, value]): [string, string | number | boolean] => [
    `correlation.${name}`,
    typeof value === "string" ? redactText(value) : value,
  ]);
  return { action: "delegation.invoked", target: request.agentId, metadata: { source, outcome, ...Object.fromEntries(correlation) } };
}
