import { invokeLimits } from "@whs/api";
import { AppError } from "@whs/platform/errors";
import { type InvokeInput, type InvokeOutput, ProviderError, type RuntimeProvider } from "@whs/runtimes";
import type { Context } from "../../context.ts";
import type { Gateway } from "./gateway.ts";
import { type InvocationRequest, prepareInvocation } from "./prepare.ts";
import { runInvocation, toInvocationError } from "./run.ts";
import type { LiveStream } from "./stream-live.ts";

/**
 * Starts an agent whose answer is a stream: `meta`, then `delta`s, `usage` and `done`; or `error` as the last event.
 * What is refused is thrown here, before the stream starts, so that it is answered like any error.
 */
export async function startStream(
  gateway: Gateway,
  context: Context,
  request: InvocationRequest,
  /** What else `meta` says, for a protocol that needs it again when the stream is read later. */
  labels: Readonly<Record<string, string>> = {},
): Promise<LiveStream> {
  const prepared = await prepareInvocation(gateway, context, request);
  const { userId, agentId, traceId, deploymentId } = prepared.input;
  const stream = gateway.streams.start({ userId, agentId, detach: request.body.options?.detach === true });
  stream.append("meta", { traceId, sessionId: prepared.sessionId ?? null, deploymentId, streamId: stream.id, ...labels });
  const run = async (): Promise<void> => {
    try {
      const { usage } = await runInvocation(gateway, context, prepared, stream.cancelled, (input) =>
        forwardDeltas(prepared.provider, input, (text) => stream.append("delta", { text })),
      );
      stream.append("usage", usage);
      stream.end("done", {});
    } catch (error) {
      const appError = stream.cancelRequested ? cancelled(error) : toInvocationError(error);
      if (appError.status >= 500 && appError.code === "INTERNAL") context.log.error({ err: error, traceId }, "A stream failed");
      stream.end("error", appError.body(traceId));
    }
  };
  gateway.streams.track(stream, run());
  return stream;
}

function cancelled(cause: unknown): AppError {
  return new AppError("RUNTIME_ERROR", "The caller cancelled the stream.", { details: { cancelled: true }, cause });
}

/**
 * Runs a prepared invocation and hands on its answer piece by piece. An agent that answers at once still streams: its text
 * is one delta. The next piece is taken when the last one is through.
 */
export async function forwardDeltas(
  provider: RuntimeProvider,
  input: InvokeInput,
  onDelta: (text: string) => void | Promise<void>,
): Promise<InvokeOutput> {
  let deltas = 0;
  let bytes = 0;
  for await (const event of provider.invokeStream(input)) {
    const text = event.type === "delta" ? event.text : deltas === 0 ? event.result.output.text : "";
    bytes += Buffer.byteLength(text);
    if (bytes > invokeLimits.outputBytes)
      throw new ProviderError("runtime", `The agent's output is larger than ${invokeLimits.outputBytes} bytes.`, { retryable: false });
    if (text !== "") {
      deltas += 1;
      const through = onDelta(text);
      if (through !== undefined) await through;
    }
    if (event.type === "result") return event.result;
  }
  throw new ProviderError("runtime", "The agent's answer ended too early.", { retryable: true });
}
