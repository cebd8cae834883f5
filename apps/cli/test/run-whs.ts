/**
 * Runs the real `whs`, away from the profiles and variables of whoever runs the tests: as a process of its own, or in this
 * one, which saves the half second that a start takes where the start itself is not what is tested.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { PassThrough, type Readable, Writable } from "node:stream";
import { runWhs } from "../src/run.ts";

const BIN = path.resolve(import.meta.dirname, "../bin/whs.mjs");
const TIMEOUT_MS = 110_000;

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
  /** Standard input, which else is empty. */
  input?: string;
  /** Called with all of standard output, or error, so far whenever there is more. */
  onStdout?: (soFar: string) => void;
  onStderr?: (soFar: string) => void;
}

export interface StartOptions extends RunOptions {
  cwd?: string;
  /** Stops the process when it aborts. */
  signal?: AbortSignal;
  /** The Node to start the program with. */
  node?: string;
}

export type RunWhs = (args: readonly string[], options?: RunOptions) => Promise<Outcome>;
export type StartWhs = (args: readonly string[], options?: StartOptions) => Promise<Outcome>;

export interface Runner {
  /** In this process, which is in `folder` meanwhile. */
  run: RunWhs;
  /** As a process of its own, in `folder` unless it is told another. */
  start: StartWhs;
  folder: string;
  configDir: string;
  remove: () => void;
}

/** A folder of its own for profiles, and ways to run the program that use it. */
export function createRunner(): Runner {
  const folder = realpathSync(mkdtempSync(path.join(tmpdir(), "whs-cli-")));
  const env = {
    PATH: process.env.PATH ?? "",
    POSTGRES_UNSYNCED: "1",
    NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? "",
    HOME: folder,
    XDG_CONFIG_HOME: path.join(folder, "config"),
    WHS_DATA_DIR: path.join(folder, "data"),
  };
  const before = process.cwd();
  process.chdir(folder);
  return {
    run: (args, options = {}) => runHere(args, { ...options, env: { ...env, ...options.env } }),
    start: (args, options = {}) => startProcess(args, { cwd: folder, ...options, env: { ...env, ...options.env } }),
    folder,
    configDir: path.join(env.XDG_CONFIG_HOME, "whs"),
    remove: () => {
      process.chdir(before);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function runHere(args: readonly string[], { env = {}, input = "", onStdout, onStderr }: RunOptions): Promise<Outcome> {
  const stdin = new PassThrough();
  stdin.end(input);
  const [stdout, stderr] = [new Kept(onStdout), new Kept(onStderr)];
  // What is no terminal has nothing of one.
  const streams = { stdin: stdin as unknown as NodeJS.ReadStream, stdout: asWriteStream(stdout), stderr: asWriteStream(stderr) };
  const exitCode = await runWhs(args, { ...streams, variables: env });
  return outcomeOf(exitCode, stdout.text, stderr.text);
}

const asWriteStream = (stream: Writable): NodeJS.WriteStream => stream as unknown as NodeJS.WriteStream;

/** Keeps what is written, at once. */
class Kept extends Writable {
  text = "";
  private readonly onMore: ((soFar: string) => void) | undefined;

  constructor(onMore: ((soFar: string) => void) | undefined) {
    super({ decodeStrings: false });
    this.onMore = onMore;
  }

  override _write(chunk: string | Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    this.onMore?.(this.text);
    done();
  }
}

function outcomeOf(exitCode: number | null, stdout: string, stderr: string): Outcome {
  return { exitCode, stdout, stderr, json: <T>() => JSON.parse(stdout) as T };
}

async function startProcess(
  args: readonly string[],
  { env, cwd, input = "", onStdout, onStderr, signal, node = process.execPath }: StartOptions,
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
  return outcomeOf(await exit, stdout, stderr);
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
