export interface GroupCommitOptions<Item, Result> {
  /** Writes all items in one transaction and answers one result for each, in order. */
  commit: (items: readonly Item[]) => Promise<readonly Result[]>;
  /** How long the first item of a group waits for others, in milliseconds. */
  waitMs: number;
  maxItems: number;
  /** Items that may wait; beyond it `add` refuses. */
  maxQueued: number;
}

export class QueueFullError extends Error {
  constructor() {
    super("Too much is waiting to be written");
    this.name = "QueueFullError";
  }
}

export interface GroupCommit<Item, Result> {
  /** Resolves once the item is committed. @throws QueueFullError, or what the commit threw. */
  add(item: Item): Promise<Result>;
  readonly queued: number;
  /** Commits what waits. */
  flush(): Promise<void>;
}

interface Waiting<Item, Result> {
  item: Item;
  /** Monotonic milliseconds. */
  since: number;
  resolve: (result: Result) => void;
  reject: (error: unknown) => void;
}

/**
 * Collects items for a few milliseconds and commits them together: one round trip and one write-ahead log flush for
 * many callers. One commit runs at a time, so that a slow database makes groups larger instead of more numerous; what came
 * while one ran waits for others as the first group did.
 */
export function createGroupCommit<Item, Result>(options: GroupCommitOptions<Item, Result>): GroupCommit<Item, Result> {
  const queue: Waiting<Item, Result>[] = [];
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;

  const commitGroup = async (): Promise<void> => {
    const group = queue.splice(0, options.maxItems);
    try {
      const results = await options.commit(group.map(({ item }) => item));
      if (results.length !== group.length) throw new Error(`A group of ${group.length} was answered with ${results.length} results`);
      group.forEach(({ resolve }, index) => resolve(results[index] as Result));
    } catch (error) {
      for (const { reject } of group) reject(error);
    }
  };
  const drain = async (): Promise<void> => {
    do await commitGroup();
    while (queue.length > 0 && untilDueMs() <= 0);
    // In the same step as the last look at the queue: an item that comes later finds nothing running and starts anew.
    running = undefined;
    if (queue.length > 0) schedule();
  };
  const untilDueMs = (): number => (queue.length >= options.maxItems ? 0 : (queue[0]?.since ?? 0) + options.waitMs - performance.now());
  const schedule = (): void => {
    timer ??= setTimeout(() => void run(), Math.max(0, untilDueMs()));
  };
  const run = (): Promise<void> => {
    clearTimeout(timer);
    timer = undefined;
    if (running === undefined && queue.length > 0) running = drain();
    return running ?? Promise.resolve();
  };
  return {
    add(item) {
      if (queue.length >= options.maxQueued) return Promise.reject(new QueueFullError());
      return new Promise<Result>((resolve, reject) => {
        queue.push({ item, since: performance.now(), resolve, reject });
        if (running !== undefined) return;
        if (queue.length >= options.maxItems) void run();
        else schedule();
      });
    },
    get queued() {
      return queue.length;
    },
    async flush() {
      while (queue.length > 0 || running !== undefined) await run();
    },
  };
}
