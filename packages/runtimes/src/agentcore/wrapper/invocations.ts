import { createSession, describeFailure, type LoadedAgent, runInvocation, statelessSession } from "@whs/agent/runtime";
import type { Message } from "@whs/agent";
import { MAX_OUTPUT_BYTES, type ToolEvent, type ToolOutcome, type WrapperFailure, type WrapperFigures } from "../protocol.ts";
import { type AgentLog, LogCollector } from "./logs.ts";
import type { Invocation } from "./requests.ts";
import type { SessionStores } from "./session-store.ts";
import { ToolOrders } from "./tools.ts";

export interface InvocationResult {
  messages: readonly Message[] | null;
  figures: WrapperFigures;
}
export type Ending = { ok: true; result: InvocationResult } | { ok: false; failure: WrapperFailure };

/** Why an invocation was ended from outside. */
class Stopped extends Error {
  override readonly name = "AbortError";
  readonly reason: "cancelled" | "timeout";
  constructor(reason: "cancelled" | "timeout") {
    super(reason === "cancelled" ? "The invocation was cancelled." : "The agent did not answer in time.");
    this.reason = reason;
  }
}

export interface RunningInvocation {
  readonly lines: LogCollector;
  /** Tells the agent to stop. */
  stop(reason: "cancelled" | "timeout"): void;
  /** @returns whether the agent waits for it. */
  settleTool(id: number, outcome: ToolOutcome): boolean;
}

/** Where an invocation's output goes. */
export interface Outputs {
  /** Whether the agent is to send pieces as they come. */
  stream: boolean;
  /** Gets each piece, and holds the agent back while its promise is open. */
  text(piece: string): void | Promise<void>;
  /** Absent where there is no way for tools and for calls of other agents. */
  tool?: (event: ToolEvent) => void;
}

const EXPIRED: WrapperFailure = { code: "RUNTIME_ERROR", message: "Session expired.", retryable: false, reason: "session" };
/** Cancelled invocations that are remembered in case they come after all. */
const MAX_CANCELLED = 1_000;

/** The adapter's own time ends first; this one ends what it could not reach any more. */
const GRACE_MS = 5_000;

export interface AgentSurroundings {
  agent: LoadedAgent;
  env: Readonly<Record<string, string>>;
  sessionful: boolean;
  sessions: SessionStores;
  log: AgentLog;
}

/** Everything that runs in this container now. */
export class Invocations {
  private readonly byEvent = new Map<string, RunningInvocation>();
  private readonly running = new Set<RunningInvocation>();
  private readonly cancelled = new Set<string>();
  private background = 0;
  /** Unix seconds of the last change between idle and busy. */
  changedAt = Math.floor(Date.now() / 1000);

  get isBusy(): boolean {
    return this.running.size + this.background > 0;
  }
  get count(): number {
    return this.running.size;
  }

  /** @returns whether there was one to tell. */
  cancel(eventId: string): boolean {
    const running = this.byEvent.get(eventId);
    running?.stop("cancelled");
    if (running === undefined) this.remember(eventId);
    return running !== undefined;
  }

  stopAll(): void {
    for (const running of this.running) running.stop("cancelled");
  }

  /** @returns whether the invocation runs here and waits for it. */
  settleTool(eventId: string, id: number, outcome: ToolOutcome): boolean {
    return this.byEvent.get(eventId)?.settleTool(id, outcome) === true;
  }

  /** Runs one invocation to its end. */
  start(
    surroundings: AgentSurroundings,
    invocation: Invocation,
    outputs: Outputs,
  ): { running: RunningInvocation; ending: Promise<Ending> } {
    const { log } = surroundings;
    const controller = new AbortController();
    const lines = new LogCollector();
    const { tool } = outputs;
    const orders = new ToolOrders(tool === undefined ? [] : invocation.tools, (event) => tool?.(event), controller.signal);
    let ended = false;
    const running: RunningInvocation = {
      lines,
      // In the invocation's own context: what the agent writes when it is told belongs to it.
      stop: (reason) => (ended ? undefined : log.collect(lines, () => controller.abort(new Stopped(reason)))),
      settleTool: (id, outcome) => orders.settle(id, outcome),
    };
    this.enter(running, invocation.eventId);
    // A container that was still starting may hear of the end before the beginning.
    if (invocation.eventId !== null && this.cancelled.delete(invocation.eventId)) running.stop("cancelled");
    const timer = setTimeout(() => running.stop("timeout"), invocation.timeoutMs + GRACE_MS);
    const ending = log
      .collect(lines, () => this.run(surroundings, invocation, outputs, orders, controller.signal))
      .finally(() => {
        ended = true;
        orders.end();
        clearTimeout(timer);
        this.leave(running, invocation.eventId);
      });
    return { running, ending };
  }

  private async run(
    surroundings: AgentSurroundings,
    invocation: Invocation,
    outputs: Outputs,
    orders: ToolOrders,
    signal: AbortSignal,
  ): Promise<Ending> {
    const { agent, env, sessions, sessionful, log } = surroundings;
    const { sessionId, traceparent, traceId, messages, options } = invocation;
    if (signal.aborted) return { ok: false, failure: failureOf(signal.reason, log) };
    if (sessionful && sessionId !== null && invocation.continues && !sessions.has(sessionId)) return { ok: false, failure: EXPIRED };
    const visit = sessionful && sessionId !== null ? sessions.enter(sessionId) : null;
    try {
      const answered = await runInvocation(
        agent,
        {
          messages,
          options,
          traceId,
          ...(traceparent === null ? {} : { traceparent }),
          env: { ...env },
          session: visit === null || sessionId === null ? statelessSession() : createSession(sessionId, visit.store),
          signal,
          stream: outputs.stream,
          tools: orders.tools,
          callAgent: invocation.agents && outputs.tool !== undefined ? orders.callAgent : undefined,
          waitUntil: (promise) => this.keepBusy(promise, log),
        },
        { text: (piece) => outputs.text(piece), signal, maxBytes: MAX_OUTPUT_BYTES },
      );
      const { tokens, toolCalls, characters } = answered;
      const stored = visit === null ? false : !visit.store.isEmpty();
      return { ok: true, result: { messages: answered.messages, figures: { tokens, toolCalls, characters, stored } } };
    } catch (error) {
      return { ok: false, failure: failureOf(error, log) };
    } finally {
      visit?.leave();
    }
  }

  private remember(eventId: string): void {
    this.cancelled.add(eventId);
    for (const oldest of this.cancelled) {
      if (this.cancelled.size <= MAX_CANCELLED) return;
      this.cancelled.delete(oldest);
    }
  }

  private keepBusy(promise: Promise<unknown>, log: AgentLog): void {
    this.background += 1;
    void promise
      .catch((error: unknown) => log.add("error", describeFailure(error)))
      .finally(() => this.changed(() => (this.background -= 1)));
  }

  private enter(running: RunningInvocation, eventId: string | null): void {
    this.changed(() => this.running.add(running));
    if (eventId !== null) this.byEvent.set(eventId, running);
  }

  private leave(running: RunningInvocation, eventId: string | null): void {
    this.changed(() => this.running.delete(running));
    if (eventId !== null && this.byEvent.get(eventId) === running) this.byEvent.delete(eventId);
  }

  private changed(change: () => void): void {
    const before = this.isBusy;
    change();
    if (this.isBusy !== before) this.changedAt = Math.floor(Date.now() / 1000);
  }
}

function failureOf(error: unknown, log: AgentLog): WrapperFailure {
  const code = "RUNTIME_ERROR";
  if (error instanceof Stopped) return { code, message: error.message, retryable: true, reason: error.reason };
  if (error instanceof Error && error.stack !== undefined) log.add("error", ownFrames(error.stack));
  return { code, message: describeFailure(error), retryable: false, reason: "agent" };
}

/** Without the platform's own frames, which tell the author nothing. */
function ownFrames(stack: string): string {
  const lines = stack.split("\n");
  const first = lines.findIndex((line) => /^\s+at .*(?:wrapper\.js|node:internal)/.test(line));
  return (first === -1 ? lines : lines.slice(0, first)).join("\n").replace(/file:\/\/\S*?\/agent\//g, "");
}
