import type { CellEnv } from "./env.ts";
import { Gate } from "./gate.ts";
import {
  closeObject,
  countWritten,
  isKnownStored,
  isStored,
  markStored,
  openSession,
  removeSession,
  storageLeft,
} from "./fresh-sessions.ts";
import { bytesPut, StorageFull } from "./storage-bound.ts";
import type { Write } from "./session-store.ts";

/** A session belongs to an agent, not to one of its deployments, so that it outlives a deploy. */
export function sessionObjectId(env: CellEnv, agentId: string, sessionId: string): string {
  return env.SESSION.idFromName(`${agentId}/${sessionId}`).toString();
}

interface FreshInvocation {
  deploymentId: string;
  objectId: string;
  agentId: string;
  loadId: string;
}
/** Running invocations that found their session empty, by the token that lets them write. */
const writers = new Map<string, FreshInvocation>();

export function allowWrites(invocation: FreshInvocation): string {
  const token = crypto.randomUUID();
  writers.set(token, invocation);
  return token;
}

export function endWrites(token: string): void {
  writers.delete(token);
}

/** The supervisor notes the object before it exists, so that deleting an agent finds every one of its sessions. */
export async function applyFirstWrites(env: CellEnv, deploymentId: string, token: string, writes: readonly Write[]): Promise<void> {
  const writer = writers.get(token);
  if (writer === undefined || writer.deploymentId !== deploymentId)
    throw new Error("The invocation has ended: its session takes no more writes.");
  const { objectId, agentId, loadId } = writer;
  const bytes = bytesPut(writes);
  if (bytes > 0 && storageLeft() <= 0) throw new StorageFull();
  countWritten(bytes);
  if (!isKnownStored(objectId)) await tellSupervisor(env, "PUT", agentId, objectId);
  markStored(objectId);
  await openSession(env, objectId);
  await env.SESSION.get(env.SESSION.idFromString(objectId)).apply(loadId, writes);
}

/** Removes a session that has come to hold nothing, unless it is in use again. */
export function removeEmptySession(env: CellEnv, agentId: string, objectId: string): Promise<void> {
  return removeSession(objectId, () => removeObject(env, agentId, objectId));
}

/** Removes a session whatever runs in it. */
export async function destroySession(env: CellEnv, agentId: string, sessionId: string): Promise<void> {
  await destroyObject(env, agentId, sessionObjectId(env, agentId, sessionId));
}

export async function destroyObject(env: CellEnv, agentId: string, objectId: string): Promise<void> {
  if (!(await isStored(env, objectId))) return;
  await removeSession(objectId, () => removeObject(env, agentId, objectId), { evenIfUsed: true });
}

async function removeObject(env: CellEnv, agentId: string, objectId: string): Promise<void> {
  const session = env.SESSION.get(env.SESSION.idFromString(objectId));
  await session.destroy();
  await closeObject(env, objectId);
  await tellSupervisor(env, "DELETE", agentId, objectId);
}

/** Requests to the supervisor about sessions; as many invocations as may run at all may wait. */
const messages = new Gate(Infinity);

async function tellSupervisor(env: CellEnv, method: "PUT" | "DELETE", agentId: string, objectId: string): Promise<void> {
  await messages.run(env.LIMITS.maxOutbound, async () => {
    const response = await env.CONTROL.fetch(`http://control/sessions/${agentId}/${objectId}`, { method });
    await response.arrayBuffer();
    if (!response.ok) throw new Error(`The supervisor answered ${response.status} for a session.`);
  });
}
