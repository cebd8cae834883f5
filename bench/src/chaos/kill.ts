import type { Stack } from "@whs/stack";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";

export const targets = ["gateway", "supervisor", "cell", "postgres"] as const;
export type Target = (typeof targets)[number];

/** Kills what it is asked to with SIGKILL. @returns false when there was nothing to kill at that moment. */
export function kill(stack: Stack, target: Target): boolean {
  const pid = find(stack, target);
  if (pid === undefined) return false;
  try {
    process.kill(pid, "SIGKILL");
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ESRCH") return false;
    throw error;
  }
}

function find(stack: Stack, target: Target): number | undefined {
  if (target === "gateway") return stack.processes.whs?.pid;
  if (target === "supervisor") return stack.processes.supervisor?.pid;
  if (target === "cell") return findCell(stack.processes.supervisor?.pid);
  return findDatabaseServer(stack.dataDir);
}

/** The server itself, which the stack's process runs as its child. */
function findDatabaseServer(dataDir: string): number | undefined {
  try {
    const pid = Number(readFileSync(path.join(dataDir, "postgres", "postmaster.pid"), "utf8").split("\n")[0]);
    return commandOf(pid) === "postgres" ? pid : undefined;
  } catch {
    // The file comes and goes with the server.
    return undefined;
  }
}

/** A workerd below the supervisor, through the sandbox's own processes. */
function findCell(supervisor: number | undefined): number | undefined {
  if (supervisor === undefined) return undefined;
  const parents = new Map<number, number>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const parent = statOf(Number(name))?.parent;
    if (parent !== undefined) parents.set(Number(name), parent);
  }
  const isBelow = (pid: number): boolean => {
    for (let at: number | undefined = pid; at !== undefined && at > 1; at = parents.get(at)) if (at === supervisor) return true;
    return false;
  };
  return [...parents.keys()].find((pid) => commandOf(pid) === "workerd" && isBelow(pid));
}

function commandOf(pid: number): string | undefined {
  return statOf(pid)?.command;
}

function statOf(pid: number): { command: string; parent: number } | undefined {
  try {
    const match = /^\d+ \((.*)\) \S (\d+)/s.exec(readFileSync(`/proc/${pid}/stat`, "utf8"));
    return match === null ? undefined : { command: match[1] ?? "", parent: Number(match[2]) };
  } catch {
    // It ended meanwhile.
    return undefined;
  }
}
