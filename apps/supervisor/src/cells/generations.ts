/**
 * A lock that outlives its owner's death, between processes of one machine that share a directory: numbered files of which
 * the highest counts. A file is made by an atomic link, so that of many takers one gets the number; the highest is never
 * deleted, so that a number which was overtaken stays overtaken.
 */
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { createDirectory, isSystemError, moveIntoFreePlace, moveIntoPlace, writeTemporary } from "@whs/platform/durable-files";
import { z } from "zod";
import { identifyProcess, isRunning } from "../process-info.ts";

const ownerSchema = z.object({ pid: z.int().min(1), startedAt: z.string(), socketPath: z.string() });
const generationSchema = z.object({ owner: ownerSchema.nullable() });

/** The process that owns the lock, and where it listens. */
export type LockOwner = z.output<typeof ownerSchema>;

/** Takes the lock for this process: null when it has it now, else who has it. */
export async function takeLock(folder: string, socketPath: string): Promise<LockOwner | null> {
  await createDirectory(folder);
  const identity = await identifyProcess(process.pid);
  if (identity === null) throw new Error("The system does not tell when this process was started.");
  for (;;) {
    const highest = await highestGeneration(folder);
    const owner = highest === 0 ? null : await readOwner(folder, highest);
    if (owner !== null && (await isRunning(owner))) {
      return owner.pid === identity.pid && owner.startedAt === identity.startedAt ? null : owner;
    }
    const next = highest + 1;
    if (!(await moveIntoFreePlace(await temporary(folder, { ...identity, socketPath }), place(folder, next)))) continue;
    if ((await highestGeneration(folder)) === next) {
      await removeBelow(folder, next);
      return null;
    }
    // Others have come and gone since the first look.
    await rm(place(folder, next), { force: true });
  }
}

/** Gives the lock back; whoever takes it next need not wait until this process has ended. */
export async function releaseLock(folder: string): Promise<void> {
  const highest = await highestGeneration(folder);
  const owner = highest === 0 ? null : await readOwner(folder, highest);
  if (owner?.pid === process.pid) await moveIntoPlace(await temporary(folder, null), place(folder, highest));
}

function place(folder: string, generation: number): string {
  return join(folder, String(generation));
}

function temporary(folder: string, owner: LockOwner | null): Promise<string> {
  return writeTemporary(folder, Buffer.from(JSON.stringify({ owner })));
}

async function highestGeneration(folder: string): Promise<number> {
  return Math.max(0, ...(await readdir(folder)).filter((name) => /^\d{1,15}$/.test(name)).map(Number));
}

async function readOwner(folder: string, generation: number): Promise<LockOwner | null> {
  try {
    return generationSchema.parse(JSON.parse(await readFile(place(folder, generation), "utf8"))).owner;
  } catch (error) {
    // Overtaken and removed between the look and the reading.
    if (isSystemError(error, "ENOENT")) return null;
    throw error;
  }
}

async function removeBelow(folder: string, generation: number): Promise<void> {
  for (const name of await readdir(folder))
    if (/^\d{1,15}$/.test(name) && Number(name) < generation) await rm(join(folder, name), { force: true });
}
