/**
 * The life of a process: it reports once that it is ready and stops in an orderly way when asked.
 *
 * The child protocol between a launcher (the stack) and every server is one message, `ReadyMessage`. A launcher that
 * opens an IPC channel gets it there; without a channel it is one line of JSON on standard output, so that any init
 * system can wait for it. A channel that closes means that the launcher is gone, and the process stops as if asked to.
 */
import { ConfigurationError } from "../config/index.ts";

/** What a server tells its launcher once it accepts requests. */
export interface Readiness {
  /** Address that others use, with the port that was really bound: `http://127.0.0.1:8787` or `unix:/run/x.sock`. */
  url: string;
  /** Address of the private metrics listener, for processes that have one. */
  metricsUrl?: string;
  /** Short sentences for the person who started the process, for example which isolation layers are on. */
  notes?: readonly string[];
}

export interface ReadyMessage extends Readiness {
  type: "ready";
}

export type ShutdownReason = "SIGINT" | "SIGTERM" | "launcher gone";

export interface ShutdownOptions {
  /** How long all handlers together may take before the process exits with 1. Default 10,000 ms. */
  timeoutMs?: number;
}

/**
 * Runs what starts a server. What an operator can mend (a `ConfigurationError`, a port that is taken) is said in words on
 * standard error, anything else with its stack; the process then exits with 1.
 */
export async function startProcess(start: () => Promise<void>): Promise<void> {
  try {
    await start();
  } catch (error) {
    process.stderr.write(`${explainStart(error)}\n`);
    process.exit(1);
  }
}

function explainStart(error: unknown): string {
  if (error instanceof ConfigurationError) return error.message;
  if (!(error instanceof Error)) return `Cannot start: ${String(error)}`;
  if ("code" in error && error.code === "EADDRINUSE" && "port" in error)
    return `Cannot start: port ${String(error.port)} is taken. Set the variable of this port to another one (0 picks a free one).`;
  return error.stack ?? error.message;
}

type ShutdownHandler = (reason: ShutdownReason) => Promise<void> | void;

/** Ten seconds is what init systems and container platforms give before they kill. */
const DEFAULT_TIMEOUT_MS = 10_000;

/** One Ctrl-C may arrive twice: from the terminal and, passed on, from the process that started this one. */
const SAME_REQUEST_MS = 1_000;

const handlers: ShutdownHandler[] = [];
let timeoutMs = 0;
let stoppingSince: number | undefined;

/** Tells the launcher that requests are accepted now. Call once, after the last listener is bound. */
export function reportReady(readiness: Readiness): void {
  const message: ReadyMessage = { type: "ready", ...readiness };
  if (process.send === undefined) process.stdout.write(`${JSON.stringify(message)}\n`);
  else process.send(message);
}

/** Narrows what came over the channel; anything else that a child sends is not this protocol's. */
export function isReadyMessage(message: unknown): message is ReadyMessage {
  return (
    typeof message === "object" &&
    message !== null &&
    "type" in message &&
    message.type === "ready" &&
    "url" in message &&
    typeof message.url === "string"
  );
}

/**
 * Runs `handler` on SIGTERM, on SIGINT and when the launcher is gone, then exits with 0.
 * Several handlers run one after the other, the last registered first, so that what was opened last closes first.
 * A handler that throws does not keep the others from running, but the exit code is 1; so it is when the time is over.
 * Whoever asks again after a second is out of patience: that exits at once.
 */
export function onShutdown(handler: ShutdownHandler, options: ShutdownOptions = {}): void {
  if (handlers.length === 0) listen();
  handlers.push(handler);
  timeoutMs = Math.max(timeoutMs, options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
}

function listen(): void {
  process.on("SIGTERM", () => requested("SIGTERM"));
  process.on("SIGINT", () => requested("SIGINT"));
  if (process.send === undefined) return;
  process.on("disconnect", () => {
    if (stoppingSince === undefined) void shutDown("launcher gone");
  });
  // Listening to the channel must not be what keeps an otherwise finished process alive.
  process.channel?.unref();
  if (!process.connected) void shutDown("launcher gone");
}

function requested(signal: "SIGINT" | "SIGTERM"): void {
  if (stoppingSince === undefined) void shutDown(signal);
  else if (Date.now() - stoppingSince > SAME_REQUEST_MS) process.exit(1);
}

async function shutDown(reason: ShutdownReason): Promise<void> {
  stoppingSince = Date.now();
  setTimeout(() => {
    process.stderr.write(`Cannot stop in ${timeoutMs} ms: exiting with work unfinished.\n`);
    process.exit(1);
  }, timeoutMs);
  let exitCode = 0;
  for (const handler of handlers.toReversed()) {
    try {
      await handler(reason);
    } catch (error) {
      exitCode = 1;
      process.stderr.write(`Cannot stop cleanly: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    }
  }
  process.exit(exitCode);
}
