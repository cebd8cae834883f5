import { CLOSED, SESSION_FOLDER } from "./answers.ts";
import type { SessionList, StorageRoom } from "./control.ts";
import type { CellEnv } from "./env.ts";
import { OpenSessions } from "./open-sessions.ts";

/**
 * Which sessions hold something. Opening a session's object makes files, so an invocation of a session that
 * holds nothing runs without it; only its first write makes the object.
 */
const stored = new Set<string>();
/** Whether every session that holds something is in `stored`: then an unknown one holds nothing, without a look at the disk. */
let complete = false;
let listing: Promise<void> | null = null;
/** Sessions that are in use by an invocation that found them empty, or that are being removed: others wait. */
const busy = new Map<string, Promise<void>>();
/** Invocations that run in a session's object now. */
const visits = new Map<string, number>();
/** Bytes that sessions may still take: as the supervisor measured them last, less what was written here since. */
let leftBytes = Infinity;
let roomAsOf = -1;
/** Objects that may have files open. */
const open = new OpenSessions();
/** Ids remembered at most; one that was forgotten costs a look at the disk. */
const MAX_KNOWN = 100_000;

/** A session's place in line: `fresh` when it held nothing and nobody else uses it until `leave`. */
export interface Visit {
  fresh: boolean;
  leave(): void;
}

/** @throws TooManySessions */
export async function enterSession(env: CellEnv, objectId: string): Promise<Visit> {
  await untilFree(objectId);
  if (stored.has(objectId)) return visitStored(env, objectId);
  const free = hold(objectId);
  try {
    await (listing ??= listStored(env));
    if (!(await isStored(env, objectId))) return { fresh: true, leave: free };
  } catch (error) {
    free();
    throw error;
  }
  markStored(objectId);
  const visit = visitStored(env, objectId);
  free();
  return visit;
}

/** Makes room for the files of a session that is to be opened. */
export function openSession(env: CellEnv, objectId: string): Promise<void> {
  return open.open(objectId, {
    most: env.LIMITS.maxOpenSessions,
    now: Date.now(),
    inUse: (id) => visits.has(id) || busy.has(id),
    close: async (id) => {
      const free = hold(id);
      try {
        await closeObject(env, id);
      } finally {
        free();
      }
    },
  });
}

/** Ends an object that nobody uses, so that its files close; what it holds is on the disk. */
export async function closeObject(env: CellEnv, objectId: string): Promise<void> {
  const session = env.SESSION.get(env.SESSION.idFromString(objectId));
  await session.close().catch((error: unknown) => {
    if (!String(error).includes(CLOSED)) throw error;
  });
}

/** Runs `remove` while nobody uses the session; does nothing when somebody does, whose own end will come back to it. */
export async function removeSession(objectId: string, remove: () => Promise<void>, { evenIfUsed = false } = {}): Promise<void> {
  await untilFree(objectId);
  if (visits.has(objectId) && !evenIfUsed) return;
  const free = hold(objectId);
  try {
    await remove();
    stored.delete(objectId);
  } finally {
    free();
  }
}

export function storageLeft(): number {
  return leftBytes;
}

/** The next measurement says exactly; until then this keeps one invocation from writing without end. */
export function countWritten(bytes: number): void {
  leftBytes -= bytes;
}

/** Told at each heartbeat; a measurement that is known already must not undo what was counted since. */
export function noteRoom(room: StorageRoom): void {
  if (room.asOf <= roomAsOf) return;
  roomAsOf = room.asOf;
  leftBytes = room.leftBytes;
}

export function isKnownStored(objectId: string): boolean {
  return stored.has(objectId);
}

export function markStored(objectId: string): void {
  if (stored.size >= MAX_KNOWN) {
    stored.clear();
    complete = false;
  }
  stored.add(objectId);
}

async function visitStored(env: CellEnv, objectId: string): Promise<Visit> {
  visits.set(objectId, (visits.get(objectId) ?? 0) + 1);
  const leave = () => {
    const others = (visits.get(objectId) ?? 1) - 1;
    if (others === 0) visits.delete(objectId);
    else visits.set(objectId, others);
  };
  try {
    await openSession(env, objectId);
  } catch (error) {
    leave();
    throw error;
  }
  return { fresh: false, leave };
}

async function untilFree(objectId: string): Promise<void> {
  for (let other = busy.get(objectId); other !== undefined; other = busy.get(objectId)) await other;
}

function hold(objectId: string): () => void {
  let free: (() => void) | undefined;
  busy.set(
    objectId,
    new Promise((resolve) => {
      free = resolve;
    }),
  );
  return () => {
    busy.delete(objectId);
    free?.();
  };
}

/** Once a cell's life: no other process makes sessions. */
async function listStored(env: CellEnv): Promise<void> {
  try {
    const response = await env.CONTROL.fetch("http://control/sessions");
    const list = (await response.json()) as SessionList;
    for (const objectId of list.objectIds) stored.add(objectId);
    complete = list.complete;
    noteRoom(list.room);
  } catch (error) {
    listing = null;
    throw error;
  }
}

export async function isStored(env: CellEnv, objectId: string): Promise<boolean> {
  if (complete || stored.has(objectId)) return stored.has(objectId);
  const response = await env.SESSION_FILES.fetch(`http://files/${SESSION_FOLDER}/${objectId}.sqlite`, { method: "HEAD" });
  return response.ok;
}
