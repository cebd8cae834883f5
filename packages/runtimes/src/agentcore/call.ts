import { estimateTokens } from "../cloudflare/cell/answers.ts";
import { cancelledBefore, countCharacters, Deadline } from "../cloudflare/cell-client.ts";
import { type InvokeInput, type InvokeOutput, type InvokeStreamEvent, type InvokeUsage, type Message, ProviderError } from "../port.ts";
import { type AnswerPart, readAnswer } from "./answer-stream.ts";
import type { Container, ContainerAnswer, Containers } from "./container.ts";
import { type InvocationRequest, MAX_OPEN_ORDERS, type ToolOrder, type ToolOutcome, type WrapperLine } from "./protocol.ts";
import type { ToolFigures, ToolUse } from "./tool-use.ts";

/** What is metered of an invocation that reached the runtime. */
export interface CallRecord {
  usage: InvokeUsage;
  tools: ToolFigures;
  failed: boolean;
}
export interface CallSurroundings {
  containers: Containers;
  container: Container;
  /** Looks for the endpoint again when AgentCore does not know it; null when there is none. */
  restore: () => Promise<Container | null>;
  /** What the agent may ask for; null: nothing. */
  tools: ToolUse | null;
  lines(lines: readonly WrapperLine[]): void;
  /** Once, when the runtime was reached. */
  record(record: CallRecord): void;
  /** Once, at the very end. */
  done(outcome: "usable" | "broken"): void;
}

/** Characters of text that may wait for a slow reader before the container is held back. */
const HIGH_WATER_CHARACTERS = 256 * 1024;
/** How long a container may take to receive what came of a tool. */
const TOOL_ANSWER_MS = 30_000;
/** How long a container may take to say that it has told the agent to stop, and the agent to stop. */
const CANCEL_MS = 5_000;

/**
 * One invocation: the container on one side, an iterator for the gateway on the other. The caller is answered at once
 * when it leaves or its time is over; what the container still has to say of it is then read without anybody waiting.
 */
export class Call {
  private readonly input: InvokeInput;
  private readonly surroundings: CallSurroundings;
  private readonly isStream: boolean;
  private readonly transport = new AbortController();
  /** Ends the agent's calls of other agents. */
  private readonly orders = new AbortController();
  private readonly startedAt = performance.now();
  private readonly texts: string[] = [];
  private container: Container;
  private waiting = 0;
  private characters = 0;
  private openOrders = 0;
  private answer = "";
  private output: InvokeOutput | null = null;
  private error: ProviderError | null = null;
  private stopped: ProviderError | null = null;
  private stoppedAt = 0;
  private ended = false;
  private wakeReader: (() => void) | null = null;
  private wakeWriter: (() => void) | null = null;

  constructor(input: InvokeInput, surroundings: CallSurroundings, isStream: boolean) {
    this.input = input;
    this.surroundings = surroundings;
    this.container = surroundings.container;
    this.isStream = isStream;
  }

  /** @param track keeps what goes on after the caller has left. */
  async *events(track: (running: Promise<void>) => void): AsyncGenerator<InvokeStreamEvent> {
    if (this.input.signal.aborted) {
      this.surroundings.done("usable");
      throw cancelledBefore(this.input.signal);
    }
    const deadline = new Deadline(this.input, (error) => this.stop(error));
    try {
      track(this.run());
      while (true) {
        for (const text of this.texts.splice(0)) yield { type: "delta", text };
        this.release();
        if (this.stopped !== null) throw this.stopped;
        if (this.texts.length > 0) continue;
        if (this.ended) break;
        await new Promise<void>((resolve) => (this.wakeReader = resolve));
      }
      if (this.error !== null) throw this.error;
      if (this.output !== null) yield { type: "result", result: this.output };
    } finally {
      deadline.clear();
      this.stop(new ProviderError("runtime", "The invocation was cancelled.", { retryable: true }));
    }
  }

  private async run(): Promise<void> {
    try {
      const { body, isEventStream } = await this.send();
      for await (const part of readAnswer(body, isEventStream)) await this.take(part);
      if (this.output === null && this.error === null) this.error = broken();
    } catch (error) {
      this.error ??= error instanceof ProviderError ? error : broken(error);
    }
    this.ended = true;
    this.wakeReader?.();
    const reached = this.error?.reached !== false;
    const { tools } = this.surroundings;
    // Whatever the agent did not wait for ends with it, before it is counted.
    const toolsEnd = tools?.stop();
    this.orders.abort();
    const usage = this.output?.usage ?? this.usage(null, 0);
    if (reached) this.surroundings.record({ usage, tools: tools?.figures() ?? noTools, failed: this.hasFailed() });
    this.surroundings.done(
      this.output === null && this.stopped === null && reached && this.error?.message === BROKEN ? "broken" : "usable",
    );
    await toolsEnd;
  }

  private async send(): Promise<ContainerAnswer> {
    try {
      return await this.request();
    } catch (error) {
      if (!(error instanceof ProviderError) || error.kind !== "not_found") throw error;
      const restored = await this.surroundings.restore();
      if (restored === null) throw error;
      this.container = restored;
      return this.request();
    }
  }

  private request(): Promise<ContainerAnswer> {
    const { messages, options, traceId, traceparent, eventId, timeoutMs, providerSessionId, continuesSession } = this.input;
    const request: InvocationRequest = {
      input: { messages },
      ...(providerSessionId === undefined ? {} : { sessionId: providerSessionId }),
      options,
      metadata: { traceId, ...(traceparent === undefined ? {} : { traceparent }) },
      whs: { kind: "invoke", eventId, timeoutMs, ...(continuesSession === true ? { continues: true } : {}), ...this.orderMembers() },
    };
    return this.surroundings.containers.send(this.container, request, {
      signal: this.transport.signal,
      // Orders come as events, also where the caller waits for the whole answer.
      stream: this.isStream || this.takesOrders,
      ...(traceparent === undefined ? {} : { traceparent }),
    });
  }

  private orderMembers(): Partial<InvocationRequest["whs"]> {
    const { tools } = this.surroundings;
    return {
      ...(tools === null ? {} : { tools: tools.names }),
      ...(this.input.agents === undefined ? {} : { agents: true }),
      ...(this.takesOrders && !this.isStream ? { whole: true } : {}),
    };
  }

  private get takesOrders(): boolean {
    return this.surroundings.tools !== null || this.input.agents !== undefined;
  }

  /** Carries out what the agent asks of a tool or of another agent, and brings it what came of it. */
  private async takeOrder(id: number, order: unknown): Promise<void> {
    const { containers } = this.surroundings;
    if (!this.takesOrders || this.stopped !== null) return;
    // Twice what our wrapper lets open: an answer may still be on its way back when the next order comes.
    if (this.openOrders >= 2 * MAX_OPEN_ORDERS)
      return this.stop(new ProviderError("runtime", "The agent's container asks for too much at once.", { retryable: false }));
    this.openOrders += 1;
    try {
      const outcome = await this.outcomeOf(order);
      if (this.ended || this.stopped !== null) return;
      await containers.ask(this.container, { whs: { kind: "tool", eventId: this.input.eventId, id, outcome } }, TOOL_ANSWER_MS);
    } catch {
      // An agent that cannot hear of it would wait for ever.
      if (!this.ended) this.transport.abort();
    } finally {
      this.openOrders -= 1;
    }
  }

  private async outcomeOf(order: unknown): Promise<ToolOutcome> {
    const { agents } = this.input;
    if (agents !== undefined && isAgentCall(order)) {
      const { agent, request } = order;
      return { ok: true, value: await agents.carryOut({ agent, request }, this.orders.signal) };
    }
    return this.surroundings.tools?.carryOut(order) ?? { ok: false, message: "The agent may not use this tool." };
  }

  private take(part: AnswerPart): Promise<void> | undefined {
    switch (part.type) {
      case "lines":
        this.surroundings.lines(part.lines);
        return;
      case "tool":
        void this.takeOrder(part.id, part.order);
        return;
      case "error":
        this.error = failureOf(part);
        return;
      case "delta":
        return this.takeText(part.text);
      case "done":
        if (part.text !== null) {
          this.answer = part.text;
          this.characters = part.text.length;
        }
        this.output = this.result(part.messages, part.figures.tokens, part.figures.toolCalls, part.figures.stored);
    }
  }

  private takeText(text: string): Promise<void> | undefined {
    this.characters += text.length;
    this.answer += text;
    if (this.stopped !== null || text === "") return;
    this.texts.push(text);
    this.waiting += text.length;
    this.wakeReader?.();
    return this.waiting > HIGH_WATER_CHARACTERS ? new Promise((resolve) => (this.wakeWriter = resolve)) : undefined;
  }

  private release(): void {
    this.waiting = 0;
    this.wakeWriter?.();
    this.wakeWriter = null;
  }

  private result(messages: readonly Message[] | null, tokens: number | null, toolCalls: number, stored: boolean): InvokeOutput {
    return {
      output: messages === null ? { text: this.answer } : { text: this.answer, messages },
      usage: this.usage(tokens, toolCalls),
      sessionStored: stored,
    };
  }

  /** Time is taken here, by the trusted side's clock. */
  private usage(tokens: number | null, toolCalls: number): InvokeUsage {
    const until = this.stopped === null ? performance.now() : this.stoppedAt;
    return {
      tokens: tokens ?? estimateTokens(countCharacters(this.input.messages), this.characters),
      tokensEstimated: tokens === null,
      computeMs: Math.max(0.001, Math.round((until - this.startedAt) * 1000) / 1000),
      toolCalls,
    };
  }

  /** A caller that leaves is no failure of the agent. */
  private hasFailed(): boolean {
    if (this.stopped !== null) return this.stopped.kind === "timeout";
    return this.error !== null;
  }

  private stop(error: ProviderError): void {
    if (this.ended || this.stopped !== null) return;
    this.stopped = error;
    this.stoppedAt = performance.now();
    this.release();
    this.wakeReader?.();
    void this.surroundings.tools?.stop();
    this.orders.abort();
    void this.cancel();
  }

  /** Tells the agent; a container that does not even answer that is ended. */
  private async cancel(): Promise<void> {
    const { containers } = this.surroundings;
    const giveUp = setTimeout(() => this.transport.abort(), 2 * CANCEL_MS);
    try {
      await containers.ask(this.container, { whs: { kind: "cancel", eventId: this.input.eventId } }, CANCEL_MS);
      await new Promise((resolve) => setTimeout(resolve, 0));
    } catch {
      await containers.stop(this.container).catch(forgotten);
      this.transport.abort();
    } finally {
      if (this.ended) clearTimeout(giveUp);
      else giveUp.unref();
    }
  }
}

const noTools: ToolFigures = { toolCalls: 0, browserCalls: 0, codeExecutionSeconds: 0, browserSessions: 0 };
const BROKEN = "The agent's container ended while the invocation was running.";

function broken(cause?: unknown): ProviderError {
  return new ProviderError("runtime", BROKEN, { retryable: true, cause });
}

function failureOf({ message, retryable, reason }: Extract<AnswerPart, { type: "error" }>): ProviderError {
  if (reason === "session") return new ProviderError("session", "Session expired.", { retryable: false });
  if (reason === "timeout") return new ProviderError("timeout", "The agent did not answer in time.", { retryable: true });
  return new ProviderError("runtime", message, { retryable });
}

/** What it says is not checked: whoever carries it out does. */
function isAgentCall(order: unknown): order is Extract<ToolOrder, { kind: "call" }> {
  return typeof order === "object" && order !== null && "kind" in order && order.kind === "call";
}

/** The container's own idle time ends it then. */
function forgotten(): void {}
