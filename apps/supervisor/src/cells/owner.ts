/** One owner for what two processes must not use at once: workerd locks nothing. */
import { mkdir, readFile, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { isSystemError, moveIntoPlace, writeTemporary } from "@whs/platform/durable-files";
import { z } from "zod";
import { identifyProcess, isRunning, type ProcessIdentity } from "../process-info.ts";

const identitySchema = z.object({ pid: z.int().min(1), startedAt: z.string() });

/** The process that owns the place and still runs; null when there is none. */
export async function livingOwner(file: string): Promise<ProcessIdentity | null> {
  const text = await readOwner(file);
  const parsed = text === null ? null : identitySchema.safeParse(parseOrNull(text));
  return parsed?.success === true && (await isRunning(parsed.data)) ? parsed.data : null;
}

export async function writeOwner(file: string, pid: number): Promise<void> {
  const identity = await identifyProcess(pid);
  if (identity === null) throw new Error(`Process ${pid} ended before it could be noted as an owner.`);
  await mkdir(dirname(file), { recursive: true });
  await moveIntoPlace(await writeTemporary(dirname(file), Buffer.from(JSON.stringify(identity))), file);
}

export async function removeOwner(file: string): Promise<void> {
  await rm(file, { force: true });
}

async function readOwner(file: string): Promise<string | null> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if (isSystemError(error, "ENOENT")) return null;
    throw error;
  }
}

/** A file that is no JSON was written by nobody we know. */
function parseOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
