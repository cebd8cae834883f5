import * as endpoints from "@whs/api";
import type { InvokeRequest } from "@whs/api";
import { invalidRequest, unauthenticated } from "@whs/platform/errors";
import { type Bind, type HandlerInput, parseInput, parseJson, streamed } from "@whs/platform/http";
import type { Context, SystemContext } from "../../context.ts";
import { callAgent } from "./call-agent.ts";
import type { Gateway } from "./gateway.ts";
import { endSession } from "./end-session.ts";
import { invoke } from "./invoke.ts";
import { listSessions } from "./list-sessions.ts";
import type { InvocationRequest } from "./prepare.ts";
import { startStream } from "./stream.ts";

export function bindInvocations(bind: Bind<Context>, gateway: Gateway): void {
  bind(endpoints.invokeAgent, (context, { params, body, http }) => {
    // A repeated request fetches the answer later, so a caller that is gone does not stop an idempotent one.
    const callerGone = http.request.headers["idempotency-key"] === undefined ? http.request.signal : undefined;
    return invoke(gateway, context, toInvocationRequest(params.agentId, body, http), callerGone);
  });
  bind(endpoints.invokeAgentStream, async (context, { params, body, http }) => {
    const stream = await startStream(gateway, context, toInvocationRequest(params.agentId, body, http));
    gateway.streams.follow(stream, http, 0);
    return streamed;
  });
  bind(endpoints.resumeAgentStream, async (context, { params, http }) => {
    const { traceId, headers } = http.request;
    await gateway.streams.resume(http, { ...params, userId: context.user.id, after: lastEventId(headers["last-event-id"]), traceId });
    return streamed;
  });
  bind(endpoints.listSessions, (context, { params, query }) => listSessions(context, { ...params, ...query }));
  bind(endpoints.endSession, (context, { params }) => endSession(gateway, context, params));
}

/** A bad token is refused before anything is parsed; the gateway that gave it out may be another one. */
export function bindAgentCalls(bind: Bind<SystemContext>, gateway: Gateway): void {
  bind(endpoints.callAgent, (context, { rawBody, http }) => {
    const { [callTokenHeader]: token } = http.request.headers;
    const chain = typeof token === "string" ? gateway.callTokens.verify(token, context.now().getTime()) : undefined;
    if (chain === undefined) throw unauthenticated("The call token is not valid.");
    http.useTraceId(chain.traceId);
    const call = parseInput(endpoints.agentCallBody, parseJson(rawBody));
    return callAgent(gateway, context, { ...call, chain }, http.request.signal);
  });
}

const callTokenHeader = "x-whs-call-token";

/** Event ids are 32-bit in the store. */
const maxEventId = 2 ** 31 - 1;

function lastEventId(header: string | string[] | undefined): number {
  if (header === undefined) return 0;
  const id = typeof header === "string" && /^\d{1,10}$/.test(header) ? Number(header) : Number.NaN;
  if (!(id <= maxEventId)) throw invalidRequest([{ fieldName: "Last-Event-ID", message: "must be the id of an event" }]);
  return id;
}

type Http = HandlerInput<typeof endpoints.invokeAgent>["http"];

const traceparentPattern = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

export function toInvocationRequest(agentId: string, body: InvokeRequest, http: Http): InvocationRequest {
  if (body.metadata?.traceId !== undefined) http.useTraceId(body.metadata.traceId);
  const { traceparent } = http.request.headers;
  return {
    agentId,
    body,
    traceId: http.request.traceId,
    traceparent: typeof traceparent === "string" && traceparentPattern.test(traceparent) ? traceparent : undefined,
    tellLimits: (headers) => {
      for (const [name, value] of Object.entries(headers)) http.setHeader(name, value);
    },
  };
}
