import { DurableObject, type DurableObjectStorage, type Fetcher, RpcTarget } from "cloudflare:workers";
import type { ListOptions } from "@whs/agent";
import { applyWrites, facetStore, type Write } from "../../cell/session-store.ts";

/** What one invocation may do with its session, alone, until it lets go. */
export interface SessionLease {
  get(key: string): Promise<unknown>;
  list(options: ListOptions): Promise<Map<string, unknown>>;
  /** All or nothing. */
  apply(writes: readonly Write[]): Promise<void>;
  /** Whether the session holds anything; one that came to hold nothing leaves nothing behind. */
  settle(): Promise<boolean>;
  [Symbol.dispose](): void;
}

export interface SessionObjectStub extends Fetcher {
  /** Resolves when no other invocation holds the session. @param withinMs the lease ends by itself after this */
  open(withinMs: number): Promise<SessionLease>;
  holdsAnything(): Promise<boolean>;
  destroy(): Promise<void>;
}

/**
 * One session of an agent. Its script holds no code of the tenant's, so that what is stored here outlives every deploy and
 * rollback; the agent reaches it from its own isolate, one invocation at a time, so that no write is lost between a read
 * and what follows from it.
 */
export class Session extends DurableObject {
  private readonly waiting: (() => void)[] = [];
  private held = false;

  async open(withinMs: number): Promise<SessionLease> {
    if (this.held) await new Promise<void>((resolve) => this.waiting.push(resolve));
    this.held = true;
    let isOver = false;
    const release = () => {
      if (isOver) return;
      isOver = true;
      clearTimeout(timer);
      this.next();
    };
    // A holder that vanished without a word must not hold it for ever.
    const timer = setTimeout(release, withinMs);
    return new Lease(this.ctx.storage, release);
  }

  async holdsAnything(): Promise<boolean> {
    return (await this.ctx.storage.list({ limit: 1 })).size > 0;
  }

  async destroy(): Promise<void> {
    await this.ctx.storage.deleteAll();
  }

  private next(): void {
    const wake = this.waiting.shift();
    if (wake === undefined) this.held = false;
    else wake();
  }
}

class Lease extends RpcTarget implements SessionLease {
  private readonly storage: DurableObjectStorage;
  private readonly release: () => void;
  private wrote = false;

  constructor(storage: DurableObjectStorage, release: () => void) {
    super();
    this.storage = storage;
    this.release = release;
  }

  get(key: string): Promise<unknown> {
    return this.storage.get(key);
  }

  list(options: ListOptions): Promise<Map<string, unknown>> {
    return this.storage.list(options);
  }

  async apply(writes: readonly Write[]): Promise<void> {
    this.wrote = true;
    await facetStore(this.storage).transaction((transaction) => applyWrites(transaction, writes));
  }

  async settle(): Promise<boolean> {
    const holds = (await this.storage.list({ limit: 1 })).size > 0;
    if (!holds && this.wrote) await this.storage.deleteAll();
    return holds;
  }

  [Symbol.dispose](): void {
    this.release();
  }
}
