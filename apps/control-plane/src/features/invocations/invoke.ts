import type { InvokeResponse } from "@whs/api";
import type { Context } from "../../context.ts";
import type { Gateway } from "./gateway.ts";
import { type InvocationRequest, prepareInvocation } from "./prepare.ts";
import { runInvocation } from "./run.ts";

/** Invokes an agent and waits for its whole answer. `callerGone` stops the agent when it fires. */
export async function invoke(
  gateway: Gateway,
  context: Context,
  request: InvocationRequest,
  callerGone: AbortSignal | undefined,
): Promise<Omit<InvokeResponse, "traceId">> {
  const prepared = await prepareInvocation(gateway, context, request);
  const { output, usage } = await runInvocation(gateway, context, prepared, callerGone, (input) => prepared.provider.invoke(input));
  return {
    output: { text: output.text, ...(output.messages === undefined ? {} : { messages: [...output.messages] }) },
    ...(prepared.sessionId === undefined ? {} : { sessionId: prepared.sessionId }),
    usage,
  };
}
