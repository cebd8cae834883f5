import { type ChildProcess, spawn } from "node:child_process";
import type { Readable } from "node:stream";
import { setTimeout } from "node:timers/promises";
import type { Logger } from "@whs/platform/log";
import { innermostChild, isStopped } from "../process-info.ts";
import type { Sandbox } from "../sandbox/sandbox.ts";
import type { TenantPaths } from "./tenant.ts";

/** From spawn to listening; far above the usual 40 ms, for a loaded machine. */
const START_TIMEOUT_MS = 15_000;
const FREEZE_POLL_MS = 2;
/** How much of what workerd says when it dies is worth keeping. */
const MAX_STDERR = 4096;

/** One running workerd. */
export class CellProcess {
  private readonly child: ChildProcess;
  /** Pid of workerd itself, under the wrappers. */
  readonly pid: number;
  /** Resolves when the process is gone, with how it ended. */
  readonly ended: Promise<string>;

  private constructor(child: ChildProcess, pid: number, ended: Promise<string>) {
    this.child = child;
    this.pid = pid;
    this.ended = ended;
  }

  /** @throws Error when workerd ends, or does not listen in time. */
  static async start(sandbox: Sandbox, paths: TenantPaths, config: Buffer, logger: Logger): Promise<CellProcess> {
    const { file, args } = await sandbox.command(paths, serveArguments);
    const child = spawn(file, args, { env: {}, cwd: "/", stdio: ["pipe", "ignore", "pipe", "pipe"] });
    const ended = endOf(child, logger);
    const { stdin } = child;
    // A process that dies at once closes its input; how it ended is said by `ended`.
    stdin?.on("error", (error) => logger.debug({ err: error }, "A cell closed its input early"));
    stdin?.end(config);
    try {
      await listening(child, ended);
      return new CellProcess(child, await innermostChild(child.pid ?? 0), ended);
    } catch (error) {
      child.kill("SIGKILL");
      await ended;
      throw error;
    }
  }

  /** Asks it to finish what runs and to end. A cell that spins does not hear it. */
  terminate(): void {
    signal(this.pid, "SIGTERM");
  }

  /** Resolves when none of its threads runs any more. Whoever calls this calls `thaw`, whatever happens. */
  async freeze(): Promise<void> {
    signal(this.pid, "SIGSTOP");
    while (!(await isStopped(this.pid))) await setTimeout(FREEZE_POLL_MS);
  }

  thaw(): void {
    signal(this.pid, "SIGCONT");
  }

  kill(): void {
    signal(this.pid, "SIGKILL");
    this.child.kill("SIGKILL");
  }
}

function serveArguments({ runDir, storageDir }: { runDir: string; storageDir: string }): readonly string[] {
  return [
    ["serve", "--experimental", "--binary", "--control-fd=3"],
    ["--socket-addr", `main=unix:${runDir}/main.sock`],
    ["--external-addr", `control=unix:${runDir}/control.sock`],
    ["--external-addr", `egress=unix:${runDir}/egress.sock`],
    ["--directory-path", `storage=${storageDir}`],
    ["--directory-path", `session-files=${storageDir}`],
    ["-"],
  ].flat();
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}

function endOf(child: ChildProcess, logger: Logger): Promise<string> {
  let stderr = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    stderr = (stderr + chunk.toString()).slice(-MAX_STDERR);
  });
  return new Promise((resolve) => {
    child.on("error", (error) => resolve(`it could not be started: ${error.message}`));
    child.on("close", (code, signalName) => {
      // Fatal errors of workerd and V8 name no agent's data but may quote its code: for the operator's eyes only.
      if (code !== 0) logger.debug({ stderr }, "A cell's last words");
      resolve(signalName === null ? `it ended with code ${code}` : `it ended by ${signalName}`);
    });
  });
}

/** workerd writes one line of JSON to the control channel for each socket that it listens on. */
async function listening(child: ChildProcess, ended: Promise<string>): Promise<void> {
  const channel = child.stdio[3] as Readable;
  let timer: NodeJS.Timeout | undefined;
  const heard = new Promise<void>((resolve) => {
    let text = "";
    channel.on("data", (chunk: Buffer) => {
      text += chunk.toString();
      if (/"event":\s*"listen"/.test(text)) resolve();
    });
  });
  const died = ended.then((how) => Promise.reject(new Error(`The cell did not start: ${how}.`)));
  const late = new Promise<never>((_resolve, reject) => {
    timer = globalThis.setTimeout(() => reject(new Error(`The cell did not listen within ${START_TIMEOUT_MS} ms.`)), START_TIMEOUT_MS);
  });
  try {
    await Promise.race([heard, died, late]);
  } finally {
    clearTimeout(timer);
    channel.resume();
  }
}
