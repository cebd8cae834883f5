/** One stack per data directory: a lock file that names its holder and the processes that the holder started. */
import { linkSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { writeAtomically } from "./files.ts";
import { until } from "./poll.ts";
import { identify, isRunning, type ProcessIdentity } from "./process-identity.ts";

interface LockContent extends ProcessIdentity {
  children: (ProcessIdentity & { name: string })[];
}

export interface Lock {
  /** Writes down which children live, for whoever takes over after this process was killed. */
  record(children: LockContent["children"]): void;
  release(): void;
}

/** Children of a killed stack notice within moments and have ten seconds to finish. */
const ORPHAN_TIMEOUT_MS = 12_000;

/**
 * Takes the data directory. What a killed stack left running is waited for, then killed.
 * @throws Error when a living stack holds it
 */
export async function lockDirectory(dataDir: string): Promise<Lock> {
  const file = path.join(dataDir, "stack.lock");
  const self = identify(process.pid);
  const content: LockContent = { ...self, children: [] };
  const candidate = `${file}.${process.pid}`;
  writeFileSync(candidate, JSON.stringify(content), { mode: 0o600 });
  try {
    while (!tryLink(candidate, file)) {
      const holder = readLock(file);
      if (holder !== undefined && isRunning(holder)) {
        throw new Error(
          `Cannot start: process ${holder.pid} already runs on ${dataDir}. Stop it first, or set WHS_DATA_DIR (and other ports) for a second one.`,
        );
      }
      if (holder !== undefined) await clearOrphans(holder);
      rmSync(file, { force: true });
    }
  } finally {
    rmSync(candidate, { force: true });
  }
  return {
    record: (children) => writeAtomically(file, JSON.stringify({ ...self, children } satisfies LockContent)),
    release: () => rmSync(file, { force: true }),
  };
}

/** A link is created with its content or not at all, and never over an existing file. */
function tryLink(candidate: string, file: string): boolean {
  try {
    linkSync(candidate, file);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  }
}

function readLock(file: string): LockContent | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    // Released in between, or cut off by a full disk or a power failure: nobody holds it.
    if (error instanceof SyntaxError || (error instanceof Error && "code" in error && error.code === "ENOENT")) return undefined;
    throw error;
  }
}

async function clearOrphans(holder: LockContent): Promise<void> {
  const remaining = (): LockContent["children"] => holder.children.filter(isRunning);
  if (await until(() => remaining().length === 0, ORPHAN_TIMEOUT_MS)) return;
  for (const child of remaining()) process.kill(-child.pid, "SIGKILL");
  await until(() => remaining().length === 0, ORPHAN_TIMEOUT_MS);
}
