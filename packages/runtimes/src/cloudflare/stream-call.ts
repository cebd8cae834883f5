import type { Dispatcher } from "undici";
import { type InvokeInput, type InvokeStreamEvent, type Message, ProviderError } from "../port.ts";
import { cancelledBefore, Deadline, failureError, outputTooLarge, transportError } from "./cell-client.ts";
import { type CellFailure, type CellUsage, type Frame, MAX_WIRE_BYTES } from "./cell/answers.ts";

/**
 * Characters of text that may wait for a slow reader before the cell is held back. Only whole lines count: a line that is
 * still arriving has nothing to read, so holding the cell back for it would wait for ever.
 */
const HIGH_WATER_CHARACTERS = 256 * 1024;

/** Pieces that may wait for a reader one by one. */
const MOST_PIECES = 64;

/** One streamed invocation: lines from the cell on one side, an iterator for the gateway on the other. */
export class StreamCall implements Dispatcher.DispatchHandler {
  private readonly input: InvokeInput;
  private readonly deadline: Deadline;
  private readonly decoder = new TextDecoder();
  private readonly texts: string[] = [];
  private controller: Dispatcher.DispatchController | null = null;
  private wake: (() => void) | null = null;
  private status = 0;
  private rest = "";
  private size = 0;
  private waiting = 0;
  private answer = "";
  private messages: readonly Message[] | null = null;
  private usage: CellUsage | null = null;
  private failure: CellFailure | null = null;
  private error: Error | null = null;
  private ended = false;

  constructor(input: InvokeInput) {
    this.input = input;
    this.deadline = new Deadline(input, (error) => this.stop(error));
  }

  /** @throws CellUnreachable before the first event, ProviderError at any time. Leaving early stops the agent. */
  async *events(dispatch: (handler: Dispatcher.DispatchHandler) => void): AsyncGenerator<InvokeStreamEvent> {
    try {
      if (this.input.signal.aborted) throw cancelledBefore(this.input.signal);
      dispatch(this);
      while (true) {
        const pieces = this.takePieces();
        this.release();
        for (const text of pieces) yield { type: "delta", text };
        if (pieces.length > 0) continue;
        if (this.ended) break;
        await new Promise<void>((resolve) => (this.wake = resolve));
      }
      yield { type: "result", result: this.result() };
    } finally {
      this.deadline.clear();
      if (!this.ended) this.stop(new ProviderError("runtime", "The invocation was cancelled.", { retryable: true }));
    }
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.controller = controller;
    if (this.error !== null) controller.abort(this.error);
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number): void {
    this.status = status;
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.size += chunk.length;
    if (this.size > MAX_WIRE_BYTES) return controller.abort(outputTooLarge());
    this.readText(this.decoder.decode(chunk, { stream: true }));
    if (this.waiting > HIGH_WATER_CHARACTERS) controller.pause();
    this.wakeReader();
  }

  onResponseEnd(): void {
    try {
      if (this.status !== 200) this.failure = JSON.parse(this.rest) as CellFailure;
      else if (this.rest !== "") this.readLine(this.rest);
    } catch (error) {
      this.error = transportError(error, true);
    }
    this.end();
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    this.error ??= transportError(error, this.controller !== null);
    this.end();
  }

  /** Each piece as the agent gave it; a reader that is far behind gets them joined. */
  private takePieces(): string[] {
    const pieces = this.texts.splice(0).filter((text) => text !== "");
    return pieces.length > MOST_PIECES ? [pieces.join("")] : pieces;
  }

  private result() {
    if (this.error !== null) throw this.error;
    if (this.failure !== null) throw failureError(this.failure);
    if (this.usage === null)
      throw new ProviderError("runtime", "The agent's process ended while the invocation was running.", { retryable: true });
    const { tokens, tokensEstimated, computeMs, toolCalls, stored } = this.usage;
    const output = this.messages === null ? { text: this.answer } : { text: this.answer, messages: this.messages };
    return { output, usage: { tokens, tokensEstimated, computeMs, toolCalls }, sessionStored: stored };
  }

  /** Looks for line ends in the new text only: a line of megabytes comes in many chunks. */
  private readText(text: string): void {
    const end = this.status === 200 ? text.lastIndexOf("\n") : -1;
    if (end === -1) {
      this.rest += text;
      return;
    }
    const lines = (this.rest + text.slice(0, end)).split("\n");
    this.rest = text.slice(end + 1);
    for (const line of lines) if (line !== "") this.readLine(line);
  }

  /** The last `u` or `x` stands: only the dispatcher can be the last to write. */
  private readLine(line: string): void {
    const frame = JSON.parse(line) as Frame;
    if ("d" in frame) {
      this.texts.push(frame.d);
      this.waiting += frame.d.length;
      this.answer += frame.d;
    } else if ("m" in frame) this.messages = frame.m as readonly Message[];
    else if ("u" in frame) this.usage = frame.u;
    else if ("x" in frame) this.failure = frame.x;
  }

  private release(): void {
    this.waiting = 0;
    if (this.controller?.paused === true) this.controller.resume();
  }

  private stop(error: ProviderError): void {
    if (this.ended) return;
    this.error = error;
    if (this.controller === null) this.end();
    else this.controller.abort(error);
  }

  private end(): void {
    this.ended = true;
    this.deadline.clear();
    this.wakeReader();
  }

  private wakeReader(): void {
    this.wake?.();
    this.wake = null;
  }
}
