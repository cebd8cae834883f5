/** What the agent writes: to the container's own log, and with the answer of the invocation that wrote it. */
import { AsyncLocalStorage } from "node:async_hooks";
import { inspect } from "node:util";
import type { WrapperLine } from "../protocol.ts";

/** Lines of one invocation that are delivered; more are counted in a line of their own. */
const MAX_LINES = 1000;
/** Lines from outside of invocations that wait for the next one. */
const MAX_WAITING = 200;
/** Longest line, in UTF-16 units; whoever stores it cuts to the exact bytes. */
const MAX_LINE = 8 * 1024;
const LEVELS = { log: "info", info: "info", debug: "debug", trace: "debug", warn: "warn", error: "error" } as const;

/** What one invocation has written and not delivered yet. */
export class LogCollector {
  private readonly lines: WrapperLine[] = [];
  private taken = 0;
  private refused = 0;
  /** Told when there is something to deliver. */
  onLine: (() => void) | null = null;

  add(line: WrapperLine): void {
    if (this.taken >= MAX_LINES) {
      this.refused += 1;
      return;
    }
    this.taken += 1;
    this.lines.push(line);
    this.onLine?.();
  }

  /** What waits now; at the end of the invocation with what had to be left out. */
  take(isEnd: boolean): WrapperLine[] {
    const taken = this.lines.splice(0);
    if (isEnd && this.refused > 0)
      taken.push({ at: Date.now(), level: "warn", message: `${this.refused} lines were left out: more than ${MAX_LINES}.`, traced: true });
    return taken;
  }
}

export class AgentLog {
  private readonly current = new AsyncLocalStorage<LogCollector>();
  private readonly redact: (text: string) => string;
  private readonly print: (text: string) => void;
  private readonly waiting: WrapperLine[] = [];

  constructor(redact: (text: string) => string) {
    this.redact = redact;
    const print = process.stdout.write.bind(process.stdout);
    this.print = (text) => void print(text);
  }

  /** From now on everything that is written goes through here. */
  capture(): void {
    for (const [method, level] of Object.entries(LEVELS)) {
      Reflect.set(console, method, (...parts: unknown[]) => this.add(level, lineText(parts)));
    }
    for (const stream of [process.stdout, process.stderr]) {
      const write = stream.write.bind(stream);
      const redacted = (chunk: string | Uint8Array, ...rest: never[]): boolean =>
        write(this.redact(typeof chunk === "string" ? chunk : Buffer.from(chunk).toString("utf8")), ...rest);
      Reflect.set(stream, "write", redacted);
    }
  }

  add(level: WrapperLine["level"], text: string): void {
    const collector = this.current.getStore();
    const message = this.redact(text).slice(0, MAX_LINE);
    const line = { at: Date.now(), level, message, traced: collector !== undefined };
    this.print(`${JSON.stringify({ time: new Date(line.at).toISOString(), level, message })}\n`);
    if (collector !== undefined) collector.add(line);
    else if (this.waiting.length < MAX_WAITING) this.waiting.push(line);
  }

  /** Runs something whose lines belong to one invocation, whatever it starts included. */
  collect<T>(collector: LogCollector, run: () => T): T {
    return this.current.run(collector, run);
  }

  /** What was written outside of invocations since it was asked for last. */
  takeWaiting(): WrapperLine[] {
    return this.waiting.splice(0);
  }
}

/** As a console prints it: texts as they are, everything else as JSON, with blanks between. */
function lineText(parts: readonly unknown[]): string {
  return parts.map(partText).join(" ");
}

function partText(part: unknown): string {
  if (typeof part === "string") return part;
  if (part instanceof Error) return part.stack ?? `${part.name}: ${part.message}`;
  try {
    return JSON.stringify(part) ?? String(part);
  } catch {
    // Circular, or a number of a kind that JSON has not.
    return inspect(part, { depth: 4 });
  }
}
