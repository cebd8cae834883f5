import type { InvokeRequest } from "@whs/api";
import { AppError, conflict, notFound } from "@whs/platform/errors";
import { idTimeMs } from "@whs/platform/ids";
import type { InvokeInput, Message } from "@whs/runtimes";
import type { RuntimeProvider } from "@whs/runtimes";
import { requireRuntime } from "../agents/index.ts";
import type { Context } from "../../context.ts";
import { type Admission, grantTools } from "../limits/index.ts";
import type { CallChain } from "./call-token.ts";
import type { Gateway } from "./gateway.ts";
import type { Route } from "./routing.ts";
import { findSession } from "./session-store.ts";

export interface PreparedInvocation {
  route: Route;
  provider: RuntimeProvider;
  input: Omit<InvokeInput, "signal" | "timeoutMs" | "agents">;
  /** Absent on stateless agents. */
  sessionId: string | undefined;
  /** Where it came from, itself the last; `until` is when its caller's time is over. */
  chain: Omit<CallChain, "traceparent">;
  /** The caller's right to this invocation; `runInvocation` ends it. */
  admission: Admission;
}

export interface InvocationRequest {
  agentId: string;
  body: InvokeRequest;
  /**
   * Names a conversation in the caller's own words, in place of `body.sessionId`: its session is begun when there is none
   * (any more). Stateless agents have none, whatever it says.
   */
  conversation?: string | undefined;
  traceId: string;
  traceparent: string | undefined;
  /** Gets the `RateLimit-*` headers of the answer. */
  tellLimits: (headers: Readonly<Record<string, string>>) => void;
  /** Of the agent that calls; absent where a client does. */
  chain?: CallChain;
}

/**
 * Everything that is decided before the runtime is reached, in this order: agent and deployment state, runtime gate,
 * session, budget, concurrency and rate. What is refused here is not counted.
 */
export async function prepareInvocation(gateway: Gateway, context: Context, request: InvocationRequest): Promise<PreparedInvocation> {
  const route = await gateway.routing.find(context.user.id, request.agentId);
  if (route === undefined) throw notFound("Agent");
  if (route.status === "disabled") throw conflict("The agent is disabled; enable it to invoke it.");
  if (route.active === null) throw conflict("The agent has no active deployment; deploy a bundle first.");
  requireRuntime(context, route.runtimeProvider);
  const provider = context.providers[route.runtimeProvider];
  if (provider === undefined) throw new AppError("UNAVAILABLE", `This installation has no ${route.runtimeProvider} runtime.`);
  const sessionId = route.active.sessionful ? await openSession(gateway, context, request, route) : refuseSession(request.body.sessionId);
  const { codeInterpreter, browser } = route.active.tools;
  const tools = codeInterpreter || browser ? await grantTools(context, route.active.tools) : undefined;
  const messages = toMessages(request.body.input);
  const admission = await gateway.limits.admit(context, {
    agentId: request.agentId,
    runtimeProvider: route.runtimeProvider,
    inputCharacters: countCharacters(messages),
  });
  request.tellLimits(admission.headers);
  return {
    route,
    provider,
    sessionId,
    chain: {
      userId: route.userId,
      traceId: request.traceId,
      sessionId: sessionId ?? request.chain?.sessionId,
      until: request.chain?.until ?? Number.POSITIVE_INFINITY,
      agentIds: [...(request.chain?.agentIds ?? []), route.agentId],
    },
    admission,
    input: {
      userId: route.userId,
      agentId: route.agentId,
      deploymentId: route.active.deploymentId,
      eventId: gateway.newEventId(),
      traceId: request.traceId,
      ...(request.traceparent === undefined ? {} : { traceparent: request.traceparent }),
      messages,
      options: toOptions(request.body.options),
      ...(tools === undefined ? {} : { tools }),
      ...(sessionId === undefined ? {} : { providerSessionId: sessionId, continuesSession: request.body.sessionId !== undefined }),
      ...(route.active.providerRef === null ? {} : { providerRef: route.active.providerRef }),
    },
  };
}

/** How far the clocks of two gateways may be apart. */
export const clockSkewMs = 300_000;

/**
 * Session ids prove whose they are, so a database look-up is needed only for one old enough to have expired, or to have
 * been ended.
 */
async function openSession(
  gateway: Gateway,
  context: Context,
  { agentId, body, conversation }: InvocationRequest,
  { sessionsEndedAt }: Route,
): Promise<string> {
  const owner = { userId: context.user.id, agentId };
  if (conversation !== undefined) return gateway.sessionIds.derive(owner, conversation);
  if (body.sessionId === undefined) return gateway.sessionIds.mint(owner);
  if (!gateway.sessionIds.verify(body.sessionId, owner)) throw sessionExpired();
  const now = context.now().getTime();
  const madeAt = idTimeMs(body.sessionId);
  // A conversation's session does not say when it began.
  const isYoung = madeAt < now + clockSkewMs && madeAt + context.config.sessionIdleMs > now;
  const mayBeEnded = sessionsEndedAt !== null && madeAt < sessionsEndedAt.getTime() + clockSkewMs;
  if (isYoung && !mayBeEnded) return body.sessionId;
  const row = await findSession(context.db, body.sessionId);
  // A young one without a row has stored nothing.
  const isOpen = row === undefined ? isYoung : row.ended_at === null && row.expires_at.getTime() > now;
  if (!isOpen) throw sessionExpired();
  return body.sessionId;
}

function refuseSession(sessionId: string | undefined): undefined {
  if (sessionId !== undefined) throw sessionExpired();
  return undefined;
}

/** One answer for somebody else's, unknown and expired sessions. */
export function sessionExpired(): AppError {
  return new AppError("RUNTIME_ERROR", "Session expired.", { retryable: false });
}

function toMessages(input: InvokeRequest["input"]): readonly Message[] {
  return input.messages ?? [{ role: "user", content: input.prompt ?? "" }];
}

/** UTF-16 units, as tokens are estimated from. */
function countCharacters(messages: readonly Message[]): number {
  let characters = 0;
  for (const message of messages) characters += message.content.length;
  return characters;
}

function toOptions(options: InvokeRequest["options"]): InvokeInput["options"] {
  if (options === undefined) return {};
  const { maxSteps, temperature, toolPolicy } = options;
  return {
    ...(maxSteps === undefined ? {} : { maxSteps }),
    ...(temperature === undefined ? {} : { temperature }),
    ...(toolPolicy === undefined
      ? {}
      : {
          toolPolicy: {
            ...(toolPolicy.allow === undefined ? {} : { allow: toolPolicy.allow }),
            ...(toolPolicy.deny === undefined ? {} : { deny: toolPolicy.deny }),
          },
        }),
  };
}
