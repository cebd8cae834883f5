import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { isReadyMessage, type ReadyMessage } from "../process/index.ts";

export interface ServerOptions {
  /** Path of the program. */
  entry: string;
  /** All of its variables but those that it takes to find programs and modules fast. */
  environment: Record<string, string>;
  /** Runs it as this user, who is not root. */
  uid?: number;
  /** Called with what it writes, which else goes where the tests' own output goes. */
  onOutput?: (text: string) => void;
}

export interface ServerProcess {
  readonly pid: number;
  readonly ready: ReadyMessage;
  /** Sends the signal and waits for the end; the exit code, or null after an end by signal. Nothing when it has ended. */
  stop(signal: NodeJS.Signals): Promise<number | null>;
}

/** @throws Error with what it wrote, when it ends before it is ready. */
export async function startServer({ entry, environment, uid, onOutput }: ServerOptions): Promise<ServerProcess> {
  const output = onOutput === undefined ? "inherit" : "pipe";
  const child = spawn(process.execPath, [entry], {
    env: { ...foundations(), ...environment },
    stdio: ["ignore", output, output, "ipc"],
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
  let said = "";
  const hear = (chunk: Buffer): void => {
    said += chunk.toString();
    onOutput?.(chunk.toString());
  };
  child.stdout?.on("data", hear);
  child.stderr?.on("data", hear);
  const [message]: unknown[] = await Promise.race([
    once(child, "message"),
    once(child, "close").then(([code]) => Promise.reject(new Error(`${entry} ended with ${code} before it was ready: ${said}`))),
  ]);
  if (!isReadyMessage(message)) throw new Error(`${entry} does not say where it is.`);
  return { pid: child.pid ?? 0, ready: message, stop: (signal) => stop(child, signal) };
}

/** What a child process of a test gets of the tests' own environment. */
function foundations(): Record<string, string> {
  const { PATH = "", NODE_COMPILE_CACHE } = process.env;
  return { PATH, ...(NODE_COMPILE_CACHE === undefined ? {} : { NODE_COMPILE_CACHE }) };
}

async function stop(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const gone = once(child, "exit");
  child.kill(signal);
  await gone;
  return child.exitCode;
}
