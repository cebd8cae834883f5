import { join } from "node:path";
import type { Logger } from "@whs/platform/log";
import { ProviderError } from "@whs/runtimes";
import { Agent, request } from "undici";
import { releaseLock, takeLock, type LockOwner } from "./generations.ts";
import { tenantHash } from "./tenant.ts";

/** Which tenants this node serves, of those whose storage it can reach. */
export interface Tenancy {
  /**
   * Runs `work` while this node alone serves the tenant, and keeps it until the work is done.
   * @throws ProviderError `transient` while another node that lives does not let go; ServedElsewhere at once with
   * `takeOver: false`.
   */
  during<T>(userId: string, work: () => Promise<T>, options?: { takeOver?: boolean }): Promise<T>;
  /** Lets another node have the tenant, after everything of it has ended here. */
  release(userId: string): Promise<void>;
  close(): Promise<void>;
}

/** Another node serves the tenant, and shall go on. */
export class ServedElsewhere extends ProviderError {
  constructor() {
    super("transient", "Another node serves this tenant.", { reached: false });
  }
}

/** For a node that has its storage for itself. */
export const soleTenancy: Tenancy = {
  during: (_userId, work) => work(),
  release: () => Promise.reject(new ProviderError("invalid", "This node shares its storage with no other.", { reached: false })),
  close: () => Promise.resolve(),
};

export interface SharedTenancyOptions {
  storageDir: string;
  /** Where other nodes ask this one to let go. */
  socketPath: string;
  /** The tenant is this node's now: what it knows of it may be out of date. */
  onAcquired(userId: string): Promise<void>;
  /** Ends everything of the tenant here, and keeps it from starting until `then` is done. */
  end(userId: string, then: () => Promise<void>): Promise<void>;
  logger: Logger;
}

/** An owner that was asked ends what runs, which takes it its drain. */
const RELEASE_TIMEOUT_MS = 15_000;
const TRIES = 3;

/** For nodes of one machine that share a storage directory: each tenant has one of them at a time, by a lock. */
export class SharedTenancy implements Tenancy {
  private readonly options: SharedTenancyOptions;
  private readonly acquired = new Map<string, Promise<void>>();
  private readonly releasing = new Map<string, Promise<void>>();
  /** How much work of a tenant runs, and who waits for its end. */
  private readonly running = new Map<string, { count: number; ended: () => void; end: Promise<void> }>();
  private closed = false;

  constructor(options: SharedTenancyOptions) {
    this.options = options;
  }

  async during<T>(userId: string, work: () => Promise<T>, { takeOver = true }: { takeOver?: boolean } = {}): Promise<T> {
    for (let other = this.releasing.get(userId); other !== undefined; other = this.releasing.get(userId)) await other;
    const { promise: end, resolve: ended } = Promise.withResolvers<void>();
    const mine = this.running.get(userId) ?? { count: 0, end, ended };
    this.running.set(userId, mine);
    mine.count += 1;
    try {
      await this.acquire(userId, takeOver);
      return await work();
    } finally {
      mine.count -= 1;
      if (mine.count === 0) {
        this.running.delete(userId);
        mine.ended();
      }
    }
  }

  private acquire(userId: string, takeOver: boolean): Promise<void> {
    const known = this.acquired.get(userId);
    if (known !== undefined) return known;
    if (this.closed) return Promise.reject(new ProviderError("transient", "The data plane is stopping.", { reached: false }));
    const taken = this.take(userId, takeOver);
    this.acquired.set(userId, taken);
    taken.catch(() => this.acquired.delete(userId));
    return taken;
  }

  async release(userId: string): Promise<void> {
    const known = this.releasing.get(userId);
    if (known !== undefined) return known;
    const taken = this.acquired.get(userId);
    if (taken === undefined) return;
    const released = this.giveUp(userId, taken).finally(() => this.releasing.delete(userId));
    this.releasing.set(userId, released);
    return released;
  }

  /** Everything has ended here already. */
  async close(): Promise<void> {
    this.closed = true;
    await Promise.allSettled(this.acquired.values());
    await Promise.all([...this.acquired.keys()].map((userId) => releaseLock(this.folder(userId))));
  }

  private async take(userId: string, takeOver: boolean): Promise<void> {
    const { options } = this;
    for (let tries = 1; ; tries += 1) {
      const owner = await takeLock(this.folder(userId), options.socketPath);
      if (owner === null) return options.onAcquired(userId);
      if (!takeOver) throw new ServedElsewhere();
      if (tries === TRIES) throw new ProviderError("transient", "Another node serves this tenant.", { reached: false });
      await askToRelease(owner, userId).catch((error: unknown) =>
        options.logger.warn({ err: error, owner: owner.pid }, "A node does not let a tenant go"),
      );
    }
  }

  private async giveUp(userId: string, taken: Promise<void>): Promise<void> {
    await Promise.allSettled([taken, this.running.get(userId)?.end]);
    await this.options.end(userId, () => releaseLock(this.folder(userId)));
    this.acquired.delete(userId);
    this.options.logger.info({ tenant: tenantHash(userId).slice(0, 12) }, "A tenant moved to another node");
  }

  private folder(userId: string): string {
    return join(this.options.storageDir, "owners", tenantHash(userId));
  }
}

async function askToRelease({ socketPath }: LockOwner, userId: string): Promise<void> {
  const dispatcher = new Agent({ connect: { socketPath } });
  try {
    const { statusCode, body } = await request("http://supervisor/tenants/release", {
      method: "POST",
      dispatcher,
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ userId }),
      signal: AbortSignal.timeout(RELEASE_TIMEOUT_MS),
    });
    await body.dump();
    if (statusCode >= 400) throw new Error(`The other node answered ${statusCode}.`);
  } finally {
    await dispatcher.close();
  }
}
