import { spawn, type ChildProcess } from "node:child_process";
import type { BuildPlan } from "./build-sandbox.ts";

/** How the child ended. `stderr` is for our own log. */
export interface RunResult {
  ending: "exit" | "timeout" | "too-much-output";
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: Buffer;
  stderr: string;
}

const MAX_STDERR_BYTES = 16 * 1024;

/** A child that has started and waits for its input. */
export interface StartedBuild {
  readonly isRunning: boolean;
  /**
   * Gives it its input and waits for its end, or ends it and all that it started. @throws the signal's reason; the system's
   * error when it could not be started.
   */
  finish(input: string, timeoutMs: number, signal?: AbortSignal): Promise<RunResult>;
  kill(): void;
}

export function startBuild(plan: BuildPlan, maxOutputBytes: number): StartedBuild {
  // A process group of its own, so that one signal reaches esbuild too.
  const child = spawn(plan.file, [...plan.args], {
    env: { ...plan.environment },
    stdio: ["pipe", "pipe", "pipe"],
    detached: true,
    cwd: "/",
  });
  let ending: RunResult["ending"] = "exit";
  const end = (reason: RunResult["ending"]) => {
    ending = reason;
    kill(child);
  };
  const stdout = collect(child.stdout, maxOutputBytes, () => end("too-much-output"));
  const stderr = collect(child.stderr, MAX_STDERR_BYTES, () => undefined);
  // A child that ends before it has read everything is judged by how it ended.
  child.stdin.on("error", () => undefined);
  const ended = closed(child);
  // Whoever waits for the end is told; of a child that nobody needed nothing is to be told.
  ended.catch(() => undefined);
  return {
    get isRunning() {
      return child.pid !== undefined && child.exitCode === null && child.signalCode === null;
    },
    kill: () => kill(child),
    async finish(input, timeoutMs, signal) {
      const timer = setTimeout(() => end("timeout"), timeoutMs);
      const abort = () => kill(child);
      signal?.addEventListener("abort", abort, { once: true });
      try {
        if (signal?.aborted === true) abort();
        child.stdin.end(input);
        const { code, signal: killedBy } = await ended;
        signal?.throwIfAborted();
        return { ending, code, signal: killedBy, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString() };
      } finally {
        clearTimeout(timer);
        signal?.removeEventListener("abort", abort);
      }
    },
  };
}

function closed(child: ChildProcess): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve({ code, signal }));
  });
}

/** Keeps up to `limit` bytes; calls `onExcess` once and drops the rest. */
function collect(stream: NodeJS.ReadableStream, limit: number, onExcess: () => void): Buffer[] {
  const chunks: Buffer[] = [];
  let size = 0;
  stream.on("data", (chunk: Buffer) => {
    const wasFull = size > limit;
    size += chunk.length;
    if (size <= limit) chunks.push(chunk);
    else if (!wasFull) onExcess();
  });
  return chunks;
}

function kill(child: ChildProcess): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch (error) {
    // It has just ended by itself.
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}
