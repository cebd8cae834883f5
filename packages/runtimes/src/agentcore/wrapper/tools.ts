/** The agent's side of the platform's tools, and of its calls of other agents: each call goes out as an order, and waits for its outcome. */
import type { AgentCallOutcome, SendAgentCall } from "@whs/agent/runtime";
import type { Browser, CodeInterpreter, Page, Tools } from "@whs/agent";
import { MAX_OPEN_ORDERS, type ToolEvent, type ToolName, type ToolOrder, type ToolOutcome } from "../protocol.ts";

/** Agents tell it from other errors by its name. */
class ToolError extends Error {
  override readonly name = "ToolError";
}

const DEFAULT_TIMEOUT_SECONDS = 60;
const DEFAULT_PAGE_SECONDS = 30;

export class ToolOrders {
  readonly tools: Tools;
  private readonly waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: unknown) => void }>();
  private readonly send: (event: ToolEvent) => void;
  private readonly signal: AbortSignal;
  private last = 0;
  private ended = false;

  constructor(names: readonly ToolName[], send: (event: ToolEvent) => void, signal: AbortSignal) {
    this.send = send;
    this.signal = signal;
    this.tools = {
      ...(names.includes("codeInterpreter") ? { codeInterpreter: this.codeInterpreter() } : {}),
      ...(names.includes("browser") ? { browser: this.browser() } : {}),
    };
    signal.addEventListener("abort", () => this.rejectAll(signal.reason));
  }

  readonly callAgent: SendAgentCall = async ({ agent, request }) =>
    (await this.order({ kind: "call", agent, request })) as AgentCallOutcome;

  /** @returns whether it was waited for. */
  settle(id: number, outcome: ToolOutcome): boolean {
    const order = this.waiting.get(id);
    if (order === undefined) return false;
    this.waiting.delete(id);
    if (outcome.ok) order.resolve(outcome.value);
    else order.reject(new ToolError(outcome.message));
    return true;
  }

  end(): void {
    this.ended = true;
    this.rejectAll(new ToolError("The invocation has ended."));
  }

  private order(order: ToolOrder): Promise<unknown> {
    if (this.signal.aborted) return Promise.reject(this.signal.reason as Error);
    if (this.ended) return Promise.reject(new ToolError("The invocation has ended."));
    if (this.waiting.size >= MAX_OPEN_ORDERS)
      return Promise.reject(new ToolError(`At most ${MAX_OPEN_ORDERS} tool calls of an invocation may be open at once.`));
    this.last += 1;
    const id = this.last;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.send({ id, order });
    });
  }

  private rejectAll(reason: unknown): void {
    for (const { reject } of this.waiting.values()) reject(reason);
    this.waiting.clear();
  }

  private browser(): Browser {
    return {
      open: async (url, { timeoutSeconds = DEFAULT_PAGE_SECONDS } = {}) =>
        (await this.order({ kind: "open", url, timeoutSeconds })) as Page,
      evaluate: (expression, { timeoutSeconds = DEFAULT_PAGE_SECONDS } = {}) =>
        this.order({ kind: "evaluate", expression, timeoutSeconds }),
      screenshot: async () => new Uint8Array(Buffer.from((await this.order({ kind: "screenshot" })) as string, "base64")),
    };
  }

  private codeInterpreter(): CodeInterpreter {
    return {
      run: async ({ language, code, timeoutSeconds = DEFAULT_TIMEOUT_SECONDS }) =>
        (await this.order({ kind: "run", language, code, timeoutSeconds })) as Awaited<ReturnType<CodeInterpreter["run"]>>,
      writeFiles: async (files) => {
        const encoded = files.map(({ path, content }) => ({ path, base64: Buffer.from(content as Uint8Array).toString("base64") }));
        await this.order({ kind: "writeFiles", files: encoded });
      },
      readFiles: async (paths) => {
        const files = (await this.order({ kind: "readFiles", paths })) as { path: string; base64: string }[];
        return files.map(({ path, base64 }) => ({ path, content: new Uint8Array(Buffer.from(base64, "base64")) }));
      },
    };
  }
}
