import type { Logger } from "@whs/platform/log";

export const tellEveryMs = 2_000;
/** A notification holds less than 8,000 bytes. */
const idsPerNotification = 200;

interface Reader {
  streamId: string;
  /** It had ended before the reader came: its gateway need not know. */
  ended: boolean;
  stop?: () => void;
}

/** Readers here of streams that run at other gateways. While there are any, their gateways hear of it. */
export function createRemoteReaders(tell: (ids: string[]) => Promise<void>, log: Logger) {
  const readers = new Map<() => void, Reader>();
  const tellAll = async (ids: readonly string[]): Promise<void> => {
    try {
      for (let at = 0; at < ids.length; at += idsPerNotification) await tell(ids.slice(at, at + idsPerNotification));
    } catch (error) {
      log.warn({ err: error }, "Cannot tell other gateways which of their streams are followed here");
    }
  };
  const telling = setInterval(() => {
    const running = [...readers.values()].filter(({ ended }) => !ended).map(({ streamId }) => streamId);
    void tellAll([...new Set(running)]);
  }, tellEveryMs);
  telling.unref();
  return {
    /** @returns call it when the reader has left. */
    add(streamId: string, ended: boolean): () => void {
      const left = (): void => void readers.delete(left);
      readers.set(left, { streamId, ended });
      if (!ended) void tellAll([streamId]);
      return left;
    },
    onStop(left: () => void, stop: () => void): void {
      const entry = readers.get(left);
      if (entry !== undefined) entry.stop = stop;
    },
    count(streamId: string): number {
      let count = 0;
      for (const entry of readers.values()) if (entry.streamId === streamId) count += 1;
      return count;
    },
    get total() {
      return readers.size;
    },
    stop(): void {
      clearInterval(telling);
      for (const { stop } of readers.values()) stop?.();
    },
  };
}
