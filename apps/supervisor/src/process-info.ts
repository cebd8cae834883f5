/** What the operating system tells about a process; null where it is gone, or where the system does not tell. */
import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { isSystemError } from "@whs/platform/durable-files";

/** A pid alone may be another process by now; with the time of its start it cannot. */
export interface ProcessIdentity {
  pid: number;
  /** Opaque, as the system gives it. */
  startedAt: string;
}

/** Clock ticks a second in /proc, fixed by the kernel's interface. */
const TICKS_PER_SECOND = 100;

export async function identifyProcess(pid: number): Promise<ProcessIdentity | null> {
  if (process.platform !== "linux") return identifyByPs(pid);
  const fields = await statFields(String(pid));
  const startedAt = fields?.[19];
  return startedAt === undefined ? null : { pid, startedAt };
}

export async function isRunning(identity: ProcessIdentity): Promise<boolean> {
  const now = await identifyProcess(identity.pid);
  return now?.startedAt === identity.startedAt;
}

/** Time that a process's first thread, the one that runs agents, has computed, in milliseconds. */
export async function mainThreadMs(pid: number): Promise<number | null> {
  const fields = await statFields(`${pid}/task/${pid}`);
  if (fields === null) return null;
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS_PER_SECOND;
}

/** Whether every thread of a process stands still by a signal; also when it is gone, or the system does not tell. */
export async function isStopped(pid: number): Promise<boolean> {
  const threads = await threadsOf(pid);
  const states = await Promise.all(threads.map((thread) => statFields(`${pid}/task/${thread}`)));
  return states.every((fields) => fields === null || fields[0] === "T" || fields[0] === "t");
}

async function threadsOf(pid: number): Promise<string[]> {
  try {
    return await readdir(`/proc/${pid}/task`);
  } catch (error) {
    if (isSystemError(error, "ENOENT", "ESRCH")) return [];
    throw error;
  }
}

export async function residentBytes(pid: number): Promise<number | null> {
  const match = /^VmRSS:\s+(\d+) kB$/m.exec((await readProc(`/proc/${pid}/status`)) ?? "");
  return match === null ? null : Number(match[1]) * 1024;
}

/** Files that this process may have open; where the system does not tell, the fewest that systems grant. */
export async function maxOpenFiles(): Promise<number> {
  const match = /^Max open files\s+(\d+)/m.exec((await readProc("/proc/self/limits")) ?? "");
  return match === null ? 1024 : Number(match[1]);
}

/** Files that a process has open. */
export async function openFiles(pid: number): Promise<number | null> {
  try {
    return (await readdir(`/proc/${pid}/fd`)).length;
  } catch (error) {
    if (isSystemError(error, "ENOENT", "ESRCH", "EACCES")) return null;
    throw error;
  }
}

/** The process at the end of the chain of wrappers that began as `pid`. */
export async function innermostChild(pid: number): Promise<number> {
  const children = (await readProc(`/proc/${pid}/task/${pid}/children`))?.trim();
  if (children === undefined || children === "") return pid;
  return innermostChild(Number(children.split(" ")[0]));
}

/** Fields of /proc/<pid>/stat from the third on; the second is a name that may hold blanks. A zombie counts as gone. */
async function statFields(task: string): Promise<string[] | null> {
  const text = await readProc(`/proc/${task}/stat`);
  if (text === null) return null;
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return fields[0] === "Z" || fields[0] === "X" ? null : fields;
}

async function readProc(path: string): Promise<string | null> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (isSystemError(error, "ENOENT", "ESRCH")) return null;
    throw error;
  }
}

async function identifyByPs(pid: number): Promise<ProcessIdentity | null> {
  try {
    const { stdout } = await promisify(execFile)("ps", ["-o", "lstart=", "-p", String(pid)]);
    const startedAt = stdout.trim();
    return startedAt === "" ? null : { pid, startedAt };
  } catch (error) {
    // ps exits with 1 when there is no such process.
    if (error instanceof Error && "code" in error && error.code === 1) return null;
    throw error;
  }
}
