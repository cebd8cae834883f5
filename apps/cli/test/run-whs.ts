/** Runs the real `whs` in a process of its own, away from the profiles and variables of whoever runs the tests. */
import { spawn } from "node:child_process";
import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Readable } from "node:stream";

const BIN = path.resolve(import.meta.dirname, "../bin/whs.mjs");
const TIMEOUT_MS = 60_000;

export interface Outcome {
  exitCode: number | null;
  stdout: string;
  stderr: string;
  /** Standard output as JSON. */
  json: <T = Record<string, unknown>>() => T;
}

export interface RunOptions {
  /** Variables; `WHS_API_URL` and `WHS_API_TOKEN` for example. */
  env?: Record<string, string>;
  cwd?: string;
  /** Standard input, which else is empty. */
  input?: string;
  /** Called with all of standard output, or error, so far whenever there is more. */
  onStdout?: (soFar: string) => void;
  onStderr?: (soFar: string) => void;
  /** Stops the process when it aborts. */
  signal?: AbortSignal;
  /** The Node to start the program with. */
  node?: string;
}

export type RunWhs = (args: readonly string[], options?: RunOptions) => Promise<Outcome>;

/** A folder of its own for profiles, and a runner that uses it. */
export function createRunner(): { run: RunWhs; folder: string; configDir: string; remove: () => void } {
  const folder = realpathSync(mkdtempSync(path.join(tmpdir(), "whs-cli-")));
  const env = {
    PATH: process.env.PATH ?? "",
    POSTGRES_UNSYNCED: "1",
    NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? "",
    HOME: folder,
    XDG_CONFIG_HOME: path.join(folder, "config"),
    WHS_DATA_DIR: path.join(folder, "data"),
  };
  return {
    run: (args, options = {}) => runWhs(args, { cwd: folder, ...options, env: { ...env, ...options.env } }),
    folder,
    configDir: path.join(env.XDG_CONFIG_HOME, "whs"),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

async function runWhs(
  args: readonly string[],
  { env, cwd, input = "", onStdout, onStderr, signal, node = process.execPath }: RunOptions,
): Promise<Outcome> {
  const child = spawn(node, [BIN, ...args], {
    env,
    cwd,
    signal: AbortSignal.any([AbortSignal.timeout(TIMEOUT_MS), ...(signal === undefined ? [] : [signal])]),
  });
  const exit = new Promise<number | null>((resolve, reject) => {
    child.on("close", resolve);
    child.on("error", (error) => (signal?.aborted === true ? undefined : reject(error)));
  });
  child.stdin.on("error", () => undefined).end(input);
  const [stdout, stderr] = await Promise.all([collect(child.stdout, onStdout), collect(child.stderr, onStderr)]);
  const exitCode = await exit;
  return { exitCode, stdout, stderr, json: <T>() => JSON.parse(stdout) as T };
}

async function collect(stream: Readable, onMore: ((soFar: string) => void) | undefined): Promise<string> {
  const decoder = new TextDecoder();
  let soFar = "";
  for await (const chunk of stream) {
    soFar += decoder.decode(chunk as Buffer, { stream: true });
    onMore?.(soFar);
  }
  return soFar;
}
