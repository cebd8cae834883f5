import { spawn, type ChildProcess } from "node:child_process";
import type { BuildPlan } from "./build-sandbox.ts";

export interface RunLimits {
  timeoutMs: number;
  maxOutputBytes: number;
}

/** How the child ended. `stderr` is for our own log. */
export interface RunResult {
  ending: "exit" | "timeout" | "too-much-output";
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: Buffer;
  stderr: string;
}

const MAX_STDERR_BYTES = 16 * 1024;

/**
 * Runs the child to its end, or ends it and all that it started. @throws the signal's reason; the system's error when it
 * cannot be started.
 */
export async function runBuild(plan: BuildPlan, input: string, limits: RunLimits, signal?: AbortSignal): Promise<RunResult> {
  signal?.throwIfAborted();
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
  const timer = setTimeout(() => end("timeout"), limits.timeoutMs);
  const abort = () => kill(child);
  signal?.addEventListener("abort", abort, { once: true });
  try {
    const stdout = collect(child.stdout, limits.maxOutputBytes, () => end("too-much-output"));
    const stderr = collect(child.stderr, MAX_STDERR_BYTES, () => undefined);
    // A child that ends before it has read everything is judged by how it ended.
    child.stdin.on("error", () => undefined);
    child.stdin.end(input);
    const { code, signal: killedBy } = await closed(child);
    signal?.throwIfAborted();
    return { ending, code, signal: killedBy, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString() };
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  }
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
