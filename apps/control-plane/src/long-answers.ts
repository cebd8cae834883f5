/** Answers that go on for long, such as followed logs and streams, by the user they are for: a closed account's are cut. */
export interface LongAnswers {
  /** @param cut breaks the connection at once. @returns call it when the answer is over. */
  enter(userId: string, cut: () => void): () => void;
  /** Something about the user has changed. Resolves once the answers of an account that is closed now are cut. */
  recheck(userId: string): Promise<void>;
  /** Changes may have been missed. */
  recheckAll(): Promise<void>;
}

/** Whoever was let in before a change, and begins its answer after it, does so within this time. */
const lateMs = 5_000;

export function createLongAnswers(options: {
  /** Those of the users whose accounts are disabled. */
  findDisabled: (userIds: readonly string[]) => Promise<readonly string[]>;
  /** What could not be looked up is left as it is and reported. */
  onError: (error: unknown) => void;
  /** Monotonic milliseconds. */
  nowMs?: () => number;
}): LongAnswers {
  const nowMs = options.nowMs ?? (() => performance.now());
  const open = new Map<string, Set<() => void>>();
  const changed = new Map<string, number>();

  const check = async (userIds: readonly string[]): Promise<void> => {
    if (userIds.length === 0) return;
    try {
      for (const userId of await options.findDisabled(userIds)) for (const cut of open.get(userId) ?? []) cut();
    } catch (error) {
      options.onError(error);
    }
  };
  const forgetOldChanges = (): void => {
    for (const [userId, at] of changed) {
      if (nowMs() - at < lateMs) return;
      changed.delete(userId);
    }
  };
  return {
    enter(userId, cut) {
      const answers = open.get(userId) ?? new Set();
      open.set(userId, answers.add(cut));
      forgetOldChanges();
      if (changed.has(userId)) void check([userId]);
      return () => {
        answers.delete(cut);
        if (answers.size === 0 && open.get(userId) === answers) open.delete(userId);
      };
    },
    recheck(userId) {
      forgetOldChanges();
      changed.delete(userId);
      changed.set(userId, nowMs());
      return check(open.has(userId) ? [userId] : []);
    },
    recheckAll: () => check([...open.keys()]),
  };
}
