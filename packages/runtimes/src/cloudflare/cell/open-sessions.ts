/** Workerd closes an object's files about ten seconds after its last use; by then it certainly has. */
const CLOSED_BY_ITSELF_MS = 30_000;

/** Every session that may be open now is in use; another one would take files that the process does not have. */
export class TooManySessions extends Error {
  override readonly name = "TooManySessions";
}

/**
 * Sessions whose objects may have files open, the least recently used first. Each holds a handful of the process's files,
 * and a process without a free one dies, so room is made for a session before it is opened.
 */
export class OpenSessions {
  private readonly lastUsed = new Map<string, number>();

  /**
   * `inUse` tells which must not be closed; `close` closes one, while nobody else may open it.
   * @throws TooManySessions
   */
  async open(
    objectId: string,
    {
      most,
      now,
      inUse,
      close,
    }: { most: number; now: number; inUse: (objectId: string) => boolean; close: (objectId: string) => Promise<void> },
  ): Promise<void> {
    while (!this.lastUsed.has(objectId) && this.lastUsed.size >= most) {
      const [oldest, usedAt] = this.firstOf(inUse);
      this.lastUsed.delete(oldest);
      if (now - usedAt < CLOSED_BY_ITSELF_MS) await close(oldest);
    }
    this.lastUsed.delete(objectId);
    this.lastUsed.set(objectId, now);
  }

  private firstOf(inUse: (objectId: string) => boolean): [string, number] {
    for (const entry of this.lastUsed) if (!inUse(entry[0])) return entry;
    throw new TooManySessions("Every session that may be open is in use.");
  }
}
