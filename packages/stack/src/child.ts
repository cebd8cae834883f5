/** One child process of the stack: started, watched, restarted after a crash, stopped. */
import { isReadyMessage, type Readiness } from "@whs/platform/process";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { setTimeout as delay } from "node:timers/promises";
import { lastLines, logSize } from "./logs.ts";
import { identify, type ProcessIdentity } from "./process-identity.ts";

export const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

/** Long enough for a database that replays its log, short enough to be told about a hang. */
const READY_TIMEOUT_MS = 90_000;
/** What every process promises for its shutdown, and a little for the operating system. */
const STOP_TIMEOUT_MS = 11_000;
const FIRST_RESTART_DELAY_MS = 250;
const LONGEST_RESTART_DELAY_MS = 30_000;
/** A process that ran this long before it crashed starts with the shortest delay again. */
const STABLE_AFTER_MS = 20_000;
const REPORTED_LOG_LINES = 30;

export interface ChildOptions {
  name: string;
  /** TypeScript file that Node runs. */
  entry: string;
  env: NodeJS.ProcessEnv;
  logFile: string;
  /** Called whenever the set of living processes changes. */
  onChange: () => void;
  onCrash: (description: string) => void;
  onReady: () => void;
}

export type ChildState = "new" | "starting" | "ready" | "crashed" | "stopping" | "stopped";

export class Child {
  readonly name: string;
  readonly #options: ChildOptions;
  #env: NodeJS.ProcessEnv;
  #process: ChildProcess | undefined;
  #identity: ProcessIdentity | undefined;
  #state: ChildState = "new";
  #readiness: Readiness | undefined;
  #crashesInARow = 0;
  #readyAt = 0;
  #cancelRestart = new AbortController();

  constructor(options: ChildOptions) {
    this.name = options.name;
    this.#options = options;
    this.#env = options.env;
  }

  get pid(): number | undefined {
    return this.#process?.exitCode === null && this.#process.signalCode === null ? this.#process.pid : undefined;
  }

  /** Tells the process from a later one with the same pid; undefined while none runs. */
  get identity(): ProcessIdentity | undefined {
    return this.pid === undefined ? undefined : this.#identity;
  }

  get readiness(): Readiness | undefined {
    return this.#readiness;
  }

  get state(): ChildState {
    return this.#state;
  }

  /** Starts the process and waits until it is ready. @throws Error with the end of its log when it ends before that */
  async start(): Promise<Readiness> {
    this.#state = "starting";
    const before = logSize(this.#options.logFile);
    const child = this.#spawn();
    const ended = new AbortController();
    const exit = once(child, "exit").then(() => "ended" as const);
    const outcome = await Promise.race([
      readyMessage(child),
      exit,
      delay(READY_TIMEOUT_MS, "late" as const, { signal: ended.signal, ref: false }),
    ]);
    ended.abort();
    if (typeof outcome === "string") {
      this.#killGroup("SIGKILL");
      if (this.#state === "starting") this.#state = "crashed";
      this.#options.onChange();
      throw new Error(
        `Cannot start ${this.name}: ${outcome === "late" ? `not ready after ${READY_TIMEOUT_MS / 1000} s` : describeExit(child)}. ` +
          `The end of ${this.#options.logFile}:\n${lastLines(this.#options.logFile, REPORTED_LOG_LINES, before)}`,
      );
    }
    this.#readiness = outcome;
    this.#readyAt = Date.now();
    this.#state = "ready";
    this.#options.onReady();
    child.once("exit", () => this.#onUnexpectedExit(child));
    if (child.exitCode !== null || child.signalCode !== null) this.#onUnexpectedExit(child);
    return outcome;
  }

  /** Stops and starts again, as an operator would; not a crash. @param changes of its environment, from now on */
  async restart(changes: NodeJS.ProcessEnv = {}): Promise<Readiness> {
    await this.stop();
    this.#env = { ...this.#env, ...changes };
    this.#cancelRestart = new AbortController();
    this.#crashesInARow = 0;
    return this.start();
  }

  /** Asks the process to finish; whatever is left of its group when the time is over is killed. */
  async stop(timeoutMs = STOP_TIMEOUT_MS): Promise<void> {
    this.#cancelRestart.abort();
    const child = this.#process;
    this.#state = "stopping";
    if (child !== undefined && this.pid !== undefined) {
      const exit = once(child, "exit");
      child.kill("SIGTERM");
      const cancel = new AbortController();
      await Promise.race([exit, delay(timeoutMs, undefined, { signal: cancel.signal })]);
      cancel.abort();
      this.#killGroup("SIGKILL");
    }
    this.#state = "stopped";
    this.#options.onChange();
  }

  #spawn(): ChildProcess {
    const log = openSync(this.#options.logFile, "a", 0o600);
    const child = spawn(process.execPath, [this.#options.entry], {
      cwd: ROOT,
      env: this.#env,
      // Straight into the file: a pipe would break, and take the child along, when this process is killed.
      stdio: ["ignore", log, log, "ipc"],
      // A group of its own: Ctrl-C must reach this process only, which then stops the others in order.
      detached: true,
    });
    closeSync(log);
    this.#process = child;
    if (child.pid !== undefined) this.#identity = identify(child.pid);
    this.#options.onChange();
    return child;
  }

  #onUnexpectedExit(child: ChildProcess): void {
    if (this.#state !== "ready") return;
    this.#state = "crashed";
    // What the process started itself must not outlive it, or the next one finds its ports and files in use.
    this.#killGroup("SIGKILL");
    this.#options.onChange();
    void this.#restartUntilReady(describeExit(child));
  }

  async #restartUntilReady(cause: string): Promise<void> {
    if (Date.now() - this.#readyAt > STABLE_AFTER_MS) this.#crashesInARow = 0;
    const { signal } = this.#cancelRestart;
    let reason = cause;
    while (!signal.aborted) {
      const delayMs = Math.min(FIRST_RESTART_DELAY_MS * 2 ** this.#crashesInARow, LONGEST_RESTART_DELAY_MS);
      this.#crashesInARow += 1;
      this.#options.onCrash(`${this.name} ${reason}; starting it again in ${delayMs / 1000} s`);
      try {
        await delay(delayMs, undefined, { signal });
        await this.start();
        return;
      } catch (error) {
        if (signal.aborted) return;
        reason = error instanceof Error ? error.message : String(error);
      }
    }
  }

  /** Only right after the process lived: later its number may be another's. */
  #killGroup(signal: NodeJS.Signals): void {
    const pid = this.#process?.pid;
    if (pid === undefined) return;
    try {
      process.kill(-pid, signal);
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
    }
  }
}

async function readyMessage(child: ChildProcess): Promise<Readiness> {
  return new Promise((resolve) => {
    child.on("message", function receive(message: unknown) {
      if (!isReadyMessage(message)) return;
      child.off("message", receive);
      const { type: _type, ...readiness } = message;
      resolve(readiness);
    });
  });
}

function describeExit(child: ChildProcess): string {
  return child.signalCode === null ? `ended with exit code ${child.exitCode ?? "unknown"}` : `was killed by ${child.signalCode}`;
}
