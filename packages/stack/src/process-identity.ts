/** Tells a process from a later one that got the same id, which a bare pid cannot. */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";

/** When the process started, in a form that is only good for comparing; undefined if there is no such process. */
export function startTimeOf(pid: number): string | undefined {
  if (existsSync("/proc/self/stat")) return startTicks(pid);
  try {
    return (
      execFileSync("ps", ["-o", "lstart=", "-p", String(pid)], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim() ||
      undefined
    );
  } catch {
    // ps exits with 1 when no process has the id.
    return undefined;
  }
}

export interface ProcessIdentity {
  pid: number;
  startTime: string;
}

/** @throws Error when the process does not run */
export function identify(pid: number): ProcessIdentity {
  const startTime = startTimeOf(pid);
  if (startTime === undefined) throw new Error(`Cannot identify process ${pid}: it does not run.`);
  return { pid, startTime };
}

export function isRunning(process: ProcessIdentity): boolean {
  return startTimeOf(process.pid) === process.startTime;
}

function startTicks(pid: number): string | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    // The file is there exactly as long as the process.
    return undefined;
  }
  // The command in parentheses may hold spaces, so fields are counted after its end: state is the 3rd, start time the 22nd.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields[0] === "Z" ? undefined : fields[19];
}
