import { AppError, internal } from "@whs/platform/errors";
import { type InvokeInput, type InvokeOutput, ProviderError } from "@whs/runtimes";
import { createHash } from "node:crypto";
import type { Context } from "../../context.ts";
import { observeInvocation } from "../../observability/index.ts";
import type { Gateway } from "./gateway.ts";
import { type PreparedInvocation, sessionExpired } from "./prepare.ts";

/** Longest error message that a record keeps. */
const maxMessageChars = 1000;

/**
 * Runs a prepared invocation and records it, whatever comes of it. Not recorded, and so not counted, is what never
 * reached the runtime.
 */
export async function runInvocation(
  gateway: Gateway,
  context: Context,
  prepared: PreparedInvocation,
  callerGone: AbortSignal | undefined,
  work: (input: InvokeInput) => Promise<InvokeOutput>,
): Promise<InvokeOutput> {
  const controller = new AbortController();
  const stop = (): void => controller.abort();
  callerGone?.addEventListener("abort", stop);
  if (callerGone?.aborted) stop();
  gateway.running.add(controller);
  const startedAt = context.now();
  const started = performance.now();
  const observed = observeInvocation(context, { ...prepared, runtime: prepared.route.runtimeProvider });
  const record = (outcome: { statusCode: number; error?: AppError; sessionStored: boolean }): void =>
    gateway.invocationLog.add({
      id: prepared.input.eventId,
      userId: prepared.input.userId,
      agentId: prepared.input.agentId,
      deploymentId: prepared.input.deploymentId,
      runtimeProvider: prepared.route.runtimeProvider,
      traceId: prepared.input.traceId,
      startedAt,
      durationMs: Math.round((performance.now() - started) * 1000) / 1000,
      statusCode: outcome.statusCode,
      errorCode: outcome.error?.code ?? null,
      errorMessage: outcome.error?.message.slice(0, maxMessageChars) ?? null,
      sessionId: prepared.sessionId ?? null,
      sessionHash: prepared.sessionId === undefined ? null : createHash("sha256").update(prepared.sessionId).digest(),
      sessionStored: outcome.sessionStored,
    });
  try {
    const input = { ...prepared.input, ...observed.traceContext };
    const startMs = startedAt.getTime();
    const timeoutMs = Math.min(context.config.invokeTimeoutMs[prepared.route.runtimeProvider], Math.max(1, prepared.chain.until - startMs));
    const chain = { ...prepared.chain, traceparent: input.traceparent, until: startMs + timeoutMs };
    const output = await work({ ...input, agents: gateway.agentCalls(context, chain), signal: controller.signal, timeoutMs });
    prepared.admission.used(output.usage);
    observed.succeeded(output.usage);
    record({ statusCode: 200, sessionStored: output.sessionStored });
    return output;
  } catch (error) {
    const appError = toInvocationError(error);
    observed.failed(appError, controller.signal.aborted);
    // A run that failed may have stored something before it did.
    if (error instanceof ProviderError && !error.reached) {
      prepared.admission.notReached();
    } else {
      prepared.admission.used(undefined);
      record({ statusCode: appError.status, error: appError, sessionStored: prepared.sessionId !== undefined });
    }
    throw appError;
  } finally {
    callerGone?.removeEventListener("abort", stop);
    gateway.running.delete(controller);
  }
}

/** One of the stable codes in place of whatever the provider said. */
export function toInvocationError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  if (!(error instanceof ProviderError)) return internal(error);
  const { kind, message, retryable } = error;
  switch (kind) {
    case "session":
      return sessionExpired();
    case "timeout":
      return new AppError("RUNTIME_ERROR", message, { status: 504, retryable, cause: error });
    case "runtime":
      return new AppError("RUNTIME_ERROR", message, { retryable, cause: error });
    case "capacity":
    case "transient":
      return error.reached
        ? new AppError("RUNTIME_ERROR", message, { retryable: true, cause: error })
        : new AppError("UNAVAILABLE", message, { cause: error });
    case "auth":
    case "not_found":
    case "invalid":
      return new AppError("RUNTIME_ERROR", "The runtime refused the invocation.", { retryable: false, cause: error });
  }
}
