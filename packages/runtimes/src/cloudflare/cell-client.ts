/** The hot path: straight from the gateway to a tenant's cell, without the supervisor in between. */
import { type Dispatcher, Pool } from "undici";
import { CALL_TOKEN_HEADER } from "../agent-calls.ts";
import { type InvokeInput, type InvokeOutput, type Message, ProviderError } from "../port.ts";
import { type CellFailure, decodeUsage, FIGURES_HEADER, MAX_WIRE_BYTES } from "./cell/answers.ts";

/** The cell could not be asked at all, and certainly did nothing: starting it and asking again is safe. */
export class CellUnreachable extends Error {
  override readonly name = "CellUnreachable";
}

export class CellClient {
  /** Which start of the tenant's cell this is, in the supervisor's words. */
  readonly instance: string;
  private readonly pool: Pool;

  /** `connections` are made as they are needed. */
  constructor(socketPath: string, instance: string, connections: number) {
    this.instance = instance;
    this.pool = new Pool("http://cell", {
      socketPath,
      connections,
      pipelining: 1,
      headersTimeout: 0,
      bodyTimeout: 0,
      connectTimeout: 2_000,
    });
  }

  invoke(input: InvokeInput): Promise<InvokeOutput> {
    return unaryCall(input, (handler) => this.pool.dispatch(dispatchOptions("invoke", input), handler));
  }

  stream(input: InvokeInput, call: Dispatcher.DispatchHandler): void {
    this.pool.dispatch(dispatchOptions("stream", input), call);
  }

  /** Takes no more; what runs may end. */
  close(): Promise<void> {
    return this.pool.close();
  }

  /** Ends connections at once. What runs on them fails. */
  destroy(): Promise<void> {
    return this.pool.destroy();
  }
}

export function dispatchOptions(verb: "invoke" | "stream", input: InvokeInput): Dispatcher.DispatchOptions {
  const { deploymentId, eventId, traceId, timeoutMs, providerSessionId, messages, options } = input;
  const session = providerSessionId === undefined ? "" : `/${encodeURIComponent(providerSessionId)}`;
  return {
    method: "POST",
    path: `/${verb}/${deploymentId}/${eventId}/${encodeURIComponent(traceId)}/${countCharacters(messages)}/${timeoutMs}${session}`,
    body: JSON.stringify({ messages, options }),
    headers: contextHeaders(input),
  };
}

/** What goes with an invocation beside what it says. */
export function contextHeaders({ traceparent, agents }: InvokeInput): Record<string, string> {
  return {
    ...(traceparent === undefined ? {} : { traceparent }),
    ...(agents === undefined ? {} : { [CALL_TOKEN_HEADER]: agents.token() }),
  };
}

/** UTF-16 units of all messages: what an estimate of tokens starts from. */
export function countCharacters(messages: readonly Message[]): number {
  let characters = 0;
  for (const message of messages) characters += message.content.length;
  return characters;
}

/** Ends a call early, on the caller's wish or when its time is over; whichever comes first gives the error. */
export class Deadline {
  private readonly timer: NodeJS.Timeout;
  private readonly signal: AbortSignal;
  private readonly onAbort: () => void;

  constructor(input: InvokeInput, expire: (error: ProviderError) => void) {
    this.signal = input.signal;
    this.onAbort = () =>
      expire(new ProviderError("runtime", "The invocation was cancelled.", { retryable: true, cause: input.signal.reason }));
    this.timer = setTimeout(
      () => expire(new ProviderError("timeout", "The agent did not answer in time.", { retryable: true })),
      input.timeoutMs,
    );
    this.signal.addEventListener("abort", this.onAbort, { once: true });
  }

  clear(): void {
    clearTimeout(this.timer);
    this.signal.removeEventListener("abort", this.onAbort);
  }
}

/** One invocation that is answered as a whole. @throws CellUnreachable when nothing was done, else ProviderError. */
export function unaryCall(input: InvokeInput, dispatch: (handler: Dispatcher.DispatchHandler) => void): Promise<InvokeOutput> {
  return new Promise((resolve, reject) => new UnaryCall(input, resolve, reject).start(dispatch));
}

class UnaryCall implements Dispatcher.DispatchHandler {
  private readonly input: InvokeInput;
  private readonly resolve: (output: InvokeOutput) => void;
  private readonly reject: (error: Error) => void;
  private readonly deadline: Deadline;
  private readonly chunks: Buffer[] = [];
  private controller: Dispatcher.DispatchController | null = null;
  private early: ProviderError | null = null;
  private status = 0;
  private figures = "";
  private size = 0;

  constructor(input: InvokeInput, resolve: (output: InvokeOutput) => void, reject: (error: Error) => void) {
    this.input = input;
    this.resolve = resolve;
    this.reject = reject;
    this.deadline = new Deadline(input, (error) => this.stop(error));
  }

  start(dispatch: (handler: Dispatcher.DispatchHandler) => void): void {
    if (this.input.signal.aborted) return this.end(() => this.reject(cancelledBefore(this.input.signal)));
    dispatch(this);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.controller = controller;
    if (this.early !== null) controller.abort(this.early);
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    this.status = status;
    const figures = headers[FIGURES_HEADER];
    if (typeof figures === "string") this.figures = figures;
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.size += chunk.length;
    if (this.size > MAX_WIRE_BYTES) return controller.abort(outputTooLarge());
    this.chunks.push(chunk);
  }

  onResponseEnd(): void {
    this.end(() => {
      const [first] = this.chunks;
      const text = (this.chunks.length === 1 && first !== undefined ? first : Buffer.concat(this.chunks)).toString("utf8");
      if (this.status !== 200) return this.reject(failureError(JSON.parse(text) as CellFailure));
      this.resolve(unaryOutput(JSON.parse(text) as CellAnswer, this.figures));
    });
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    this.end(() => this.reject(this.early ?? transportError(error, this.controller !== null)));
  }

  private stop(error: ProviderError): void {
    this.early = error;
    if (this.controller !== null) this.controller.abort(error);
    // Still waiting for a connection: the caller need not wait with it, and the request is dropped when its turn comes.
    else this.end(() => this.reject(error));
  }

  /** What an answer turns out to be must reach the caller even if reading it fails. */
  private end(settle: () => void): void {
    this.deadline.clear();
    try {
      settle();
    } catch (error) {
      this.reject(transportError(error, true));
    }
  }
}

interface CellAnswer {
  text: string;
  messages?: readonly Message[];
}

function unaryOutput(answer: CellAnswer, figures: string): InvokeOutput {
  const usage = decodeUsage(figures);
  if (usage === null || typeof answer.text !== "string") throw new Error("The cell's answer has no figures or no text.");
  const { tokens, tokensEstimated, computeMs, toolCalls, stored } = usage;
  return { output: answer, usage: { tokens, tokensEstimated, computeMs, toolCalls }, sessionStored: stored };
}

export function failureError({ kind, message, retryable, reached }: CellFailure): Error {
  if (kind === "moved") return new CellUnreachable(message);
  return new ProviderError(kind, message, { retryable, reached });
}

export function cancelledBefore(signal: AbortSignal): ProviderError {
  return new ProviderError("runtime", "The invocation was cancelled.", { retryable: true, reached: false, cause: signal.reason });
}

export function outputTooLarge(): ProviderError {
  return new ProviderError("runtime", `The agent's output is larger than ${MAX_WIRE_BYTES} bytes.`, { retryable: false });
}

/** A connection that could not be made did nothing; one that broke may have run the agent. */
export function transportError(cause: unknown, sent: boolean): Error {
  if (cause instanceof ProviderError) return cause;
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  if (!sent || code === "ECONNREFUSED" || code === "ENOENT" || code === "UND_ERR_CONNECT_TIMEOUT")
    return new CellUnreachable("The cell does not answer.", { cause });
  return new ProviderError("runtime", "The agent's process ended while the invocation was running.", { retryable: true, cause });
}
