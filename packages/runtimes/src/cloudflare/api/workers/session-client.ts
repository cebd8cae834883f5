/** A session's storage as an agent on Cloudflare uses it: held by another script, and leased at the first use. */
import type { ListOptions, SessionStorage, StorageOperations } from "@whs/agent";
import { listed, type Write } from "../../cell/session-store.ts";
import type { SessionLease } from "./session-object.ts";

export class LeasedStore implements SessionStorage {
  private readonly open: () => Promise<SessionLease>;
  private readonly running = new Set<Promise<unknown>>();
  private opened: Promise<SessionLease> | null = null;
  /** The transaction that runs now: the next one sees what it wrote. */
  private transactions: Promise<unknown> = Promise.resolve();
  private isOver = false;

  constructor(open: () => Promise<SessionLease>) {
    this.open = open;
  }

  get<T>(key: string): Promise<T | undefined> {
    return this.use((lease) => lease.get(key) as Promise<T | undefined>);
  }

  put<T>(key: string, value: T): Promise<void> {
    const copy = structuredClone(value);
    return this.use((lease) => lease.apply([["put", key, copy]]));
  }

  delete(key: string): Promise<boolean> {
    return this.use(async (lease) => {
      const [held] = await Promise.all([lease.get(key), lease.apply([["delete", key]])]);
      return held !== undefined;
    });
  }

  list<T>(options: ListOptions = {}): Promise<Map<string, T>> {
    return this.use((lease) => lease.list(options) as Promise<Map<string, T>>);
  }

  transaction<R>(run: (transaction: StorageOperations) => Promise<R>): Promise<R> {
    return this.use((lease) => {
      const done = this.transactions.then(async () => {
        const draft = new LeasedDraft(lease);
        const result = await run(draft);
        if (draft.writes.length > 0) await lease.apply(draft.writes);
        return result;
      });
      this.transactions = done.catch(() => undefined);
      return done;
    });
  }

  /** Waits for what the agent did not wait for. Whether the session holds anything; null when it was not looked at. */
  async settle(): Promise<boolean | null> {
    while (this.running.size > 0) await Promise.allSettled(this.running);
    return this.opened === null ? null : (await this.opened).settle();
  }

  /** Lets go: the next invocation of the session may go on. */
  end(): void {
    this.isOver = true;
    this.opened?.then(
      (lease) => lease[Symbol.dispose](),
      // Whoever used it was told.
      () => undefined,
    );
  }

  private use<R>(operate: (lease: SessionLease) => Promise<R>): Promise<R> {
    if (this.isOver) return Promise.reject(new Error("The invocation has ended: its session can no longer be used."));
    const done = (this.opened ??= this.open()).then(operate);
    this.running.add(done);
    const forget = () => this.running.delete(done);
    done.then(forget, forget);
    return done;
  }
}

/** What a transaction wrote, over what the session held before it. */
class LeasedDraft implements StorageOperations {
  private readonly lease: SessionLease;
  /** Undefined where a key was deleted. */
  private readonly changed = new Map<string, unknown>();

  constructor(lease: SessionLease) {
    this.lease = lease;
  }

  get writes(): Write[] {
    return [...this.changed].map(([key, value]) => (value === undefined ? ["delete", key] : ["put", key, value]));
  }

  async get<T>(key: string): Promise<T | undefined> {
    const value = this.changed.has(key) ? structuredClone(this.changed.get(key)) : await this.lease.get(key);
    return value as T | undefined;
  }

  async put<T>(key: string, value: T): Promise<void> {
    this.changed.set(key, structuredClone(value));
  }

  async delete(key: string): Promise<boolean> {
    const held = (await this.get(key)) !== undefined;
    this.changed.set(key, undefined);
    return held;
  }

  async list<T>(options: ListOptions = {}): Promise<Map<string, T>> {
    const { limit, ...range } = options;
    // Of what is stored, at most as many as were changed may drop out.
    const stored = await this.lease.list(limit === undefined ? range : { ...range, limit: limit + this.changed.size });
    const values = new Map(stored);
    for (const [key, value] of this.changed) {
      if (value === undefined) values.delete(key);
      else values.set(key, value);
    }
    return listed(values, options) as Map<string, T>;
  }
}
