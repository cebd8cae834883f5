/** The two stores that a session can stand on: its facet's own, and the one of a session that holds nothing yet. */
import type { ListOptions, SessionStorage, StorageOperations } from "@whs/agent";
import type { DurableObjectOperations, DurableObjectStorage } from "cloudflare:workers";

export type Write = readonly ["put", key: string, value: unknown] | readonly ["delete", key: string];

/** Applies writes to the session's object, making it if need be; resolves once they are on disk. */
export type ApplyWrites = (writes: readonly Write[]) => Promise<void>;

export function facetStore(storage: DurableObjectStorage): SessionStorage {
  return { ...facetOperations(storage), transaction: (run) => storage.transaction((transaction) => run(facetOperations(transaction))) };
}

function facetOperations(storage: DurableObjectOperations): StorageOperations {
  return {
    get: (key) => storage.get(key),
    put: (key, value) => storage.put(key, value),
    delete: (key) => storage.delete(key),
    list: (options = {}) => storage.list(options),
  };
}

export async function applyWrites(store: StorageOperations, writes: readonly Write[]): Promise<void> {
  for (const write of writes) {
    if (write[0] === "put") await store.put(write[1], write[2]);
    else await store.delete(write[1]);
  }
}

/**
 * A session that is known to be empty, used by one invocation at a time (the dispatcher sees to both), needs no object
 * to be read: what is in it is what this invocation wrote. Only writes go out, so that one that writes nothing leaves nothing.
 */
export class FreshStore implements SessionStorage {
  private readonly apply: ApplyWrites;
  private readonly values = new Map<string, unknown>();
  private readonly running: Promise<void>[] = [];

  constructor(apply: ApplyWrites) {
    this.apply = apply;
  }

  get size(): number {
    return this.values.size;
  }

  async get<T>(key: string): Promise<T | undefined> {
    return structuredClone(this.values.get(key)) as T | undefined;
  }

  put<T>(key: string, value: T): Promise<void> {
    return this.commit([["put", key, structuredClone(value)]]);
  }

  async delete(key: string): Promise<boolean> {
    if (!this.values.has(key)) return false;
    await this.commit([["delete", key]]);
    return true;
  }

  async list<T>(options: ListOptions = {}): Promise<Map<string, T>> {
    return listed(this.values, options) as Map<string, T>;
  }

  async transaction<R>(run: (transaction: StorageOperations) => Promise<R>): Promise<R> {
    const draft = new Draft(this.values);
    const result = await run(draft);
    if (draft.writes.length > 0) await this.commit(draft.writes);
    return result;
  }

  /** Waits for writes that the agent did not wait for itself. */
  async settle(): Promise<void> {
    await Promise.allSettled(this.running);
  }

  /** Reads see a write at once, as they do in a facet; the promise tells when it is on disk. */
  private commit(writes: readonly Write[]): Promise<void> {
    for (const write of writes) {
      if (write[0] === "put") this.values.set(write[1], write[2]);
      else this.values.delete(write[1]);
    }
    const applied = this.apply(writes);
    this.running.push(applied);
    return applied;
  }
}

/** Writes of a transaction that has not ended. */
class Draft implements StorageOperations {
  readonly writes: Write[] = [];
  private readonly values: Map<string, unknown>;

  constructor(base: ReadonlyMap<string, unknown>) {
    this.values = new Map(base);
  }

  async get<T>(key: string): Promise<T | undefined> {
    return structuredClone(this.values.get(key)) as T | undefined;
  }

  async put<T>(key: string, value: T): Promise<void> {
    const copy = structuredClone(value);
    this.values.set(key, copy);
    this.writes.push(["put", key, copy]);
  }

  async delete(key: string): Promise<boolean> {
    this.writes.push(["delete", key]);
    return this.values.delete(key);
  }

  async list<T>(options: ListOptions = {}): Promise<Map<string, T>> {
    return listed(this.values, options) as Map<string, T>;
  }
}

/** What `list` gives of values that are all at hand. */
export function listed(
  values: ReadonlyMap<string, unknown>,
  { prefix = "", start, end, reverse = false, limit = Infinity }: ListOptions,
): Map<string, unknown> {
  const keys = [...values.keys()].filter(
    (key) =>
      key.startsWith(prefix) && (start === undefined || compareKeys(key, start) >= 0) && (end === undefined || compareKeys(key, end) < 0),
  );
  keys.sort(compareKeys);
  if (reverse) keys.reverse();
  return new Map(keys.slice(0, limit).map((key) => [key, structuredClone(values.get(key))]));
}

/** By the bytes of UTF-8, as the object's own store sorts; UTF-16 order differs for characters beyond the first plane. */
function compareKeys(a: string, b: string): number {
  const left = Array.from(a);
  const right = Array.from(b);
  for (let i = 0; i < Math.min(left.length, right.length); i += 1) {
    const difference = (left[i]?.codePointAt(0) ?? 0) - (right[i]?.codePointAt(0) ?? 0);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}
