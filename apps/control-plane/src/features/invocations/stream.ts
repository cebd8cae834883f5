import { newId } from "@whs/platform/ids";
import { type InvokeInput, type InvokeOutput, ProviderError, type RuntimeProvider } from "@whs/runtimes";
import type { Context } from "../../context.ts";
import type { EventStream } from "../../event-stream.ts";
import type { Gateway } from "./gateway.ts";
import { type InvocationRequest, prepareInvocation, type PreparedInvocation } from "./prepare.ts";
import { runInvocation, toInvocationError } from "./run.ts";

/** What is refused is thrown here, before the stream starts, so that it is answered like any error. */
export function prepareStream(gateway: Gateway, context: Context, request: InvocationRequest): Promise<PreparedInvocation> {
  return prepareInvocation(gateway, context, request);
}

/** Sends `meta`, then `delta`s, `usage` and `done`; or `error` as the last event. */
export async function streamInvocation(
  gateway: Gateway,
  context: Context,
  prepared: PreparedInvocation,
  events: EventStream,
  callerGone: AbortSignal | undefined,
): Promise<void> {
  const { traceId, deploymentId } = prepared.input;
  await events.send("meta", { traceId, sessionId: prepared.sessionId ?? null, deploymentId, streamId: newId("str") });
  try {
    const { usage } = await runInvocation(gateway, context, prepared, callerGone, (input) =>
      forwardDeltas(prepared.provider, input, events),
    );
    await events.send("usage", usage);
    await events.send("done", {});
  } catch (error) {
    const appError = toInvocationError(error);
    if (appError.status >= 500 && appError.code === "INTERNAL") context.log.error({ err: error, traceId }, "A stream failed");
    await events.send("error", appError.body(traceId));
  }
  events.end();
}

/** An agent that answers at once still streams: its text is one delta. */
async function forwardDeltas(provider: RuntimeProvider, input: InvokeInput, events: EventStream): Promise<InvokeOutput> {
  let deltas = 0;
  for await (const event of provider.invokeStream(input)) {
    if (event.type === "delta") {
      deltas += 1;
      await events.send("delta", { text: event.text });
      continue;
    }
    if (deltas === 0 && event.result.output.text !== "") await events.send("delta", { text: event.result.output.text });
    return event.result;
  }
  throw new ProviderError("runtime", "The agent's answer ended too early.", { retryable: true });
}
