import * as endpoints from "@whs/api";
import type { InvokeRequest } from "@whs/api";
import { type Bind, type HandlerInput, streamed } from "@whs/platform/http";
import { startEventStream } from "../../event-stream.ts";
import type { Context } from "../../context.ts";
import type { Gateway } from "./gateway.ts";
import { invoke } from "./invoke.ts";
import type { InvocationRequest } from "./prepare.ts";
import { prepareStream, streamInvocation } from "./stream.ts";

export function bindInvocations(bind: Bind<Context>, gateway: Gateway): void {
  bind(endpoints.invokeAgent, (context, { params, body, http }) => {
    // A repeated request fetches the answer later, so a caller that is gone does not stop an idempotent one.
    const callerGone = http.request.headers["idempotency-key"] === undefined ? http.request.signal : undefined;
    return invoke(gateway, context, toRequest(params.agentId, body, http), callerGone);
  });
  bind(endpoints.invokeAgentStream, async (context, { params, body, http }) => {
    const prepared = await prepareStream(gateway, context, toRequest(params.agentId, body, http));
    await streamInvocation(
      gateway,
      context,
      prepared,
      startEventStream(http),
      body.options?.detach === true ? undefined : http.request.signal,
    );
    return streamed;
  });
}

type Http = HandlerInput<typeof endpoints.invokeAgent>["http"];

const traceparentPattern = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

function toRequest(agentId: string, body: InvokeRequest, http: Http): InvocationRequest {
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
