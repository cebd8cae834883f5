import { spawn } from "node:child_process";

export interface CommandResult {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs a short command to its end, with nothing of our environment but what is given; null when there is no such program. */
export function runCommand(
  file: string,
  args: readonly string[],
  timeoutMs = 10_000,
  environment: Readonly<Record<string, string>> = {},
): Promise<CommandResult | null> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      env: { PATH: SEARCH_PATH, ...environment },
      stdio: ["ignore", "pipe", "pipe"],
      timeout: timeoutMs,
      killSignal: "SIGKILL",
    });
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
    child.on("error", (error: NodeJS.ErrnoException) => (error.code === "ENOENT" ? resolve(null) : reject(error)));
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
}

/** Where the system's own tools are. */
export const SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
