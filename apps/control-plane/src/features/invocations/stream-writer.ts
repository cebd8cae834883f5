import type { Logger } from "@whs/platform/log";
import { once } from "node:events";
import type { LiveStream } from "./stream-live.ts";
import type { StreamBatch, StreamStore } from "./stream-store.ts";

/** Writes events of all streams to the store, in groups and without anybody waiting for it. */
export interface StreamWriter {
  /** Called for every event. */
  mark(stream: LiveStream, characters: number): void;
  /** Writes what waits, for no longer than this and as long as the database takes it. */
  flush(timeoutMs: number): Promise<void>;
}

/** How long the first event of a group waits for others: what a killed gateway loses. */
const groupWaitMs = 20;
const streamsPerGroup = 1_000;
const charsPerGroup = 4 * 1024 * 1024;
const retryAfterMs = 500;
/** Characters that may wait while the database does not answer; streams beyond are not stored. */
const maxWaitingChars = 64 * 1024 * 1024;

export function createStreamWriter(options: {
  store: StreamStore;
  log: Logger;
  /** The stream is stored as far as it will be. */
  onSettled: (stream: LiveStream) => void;
  /** Events of a stream were not stored. */
  onDropped: () => void;
}): StreamWriter {
  const { store, log } = options;
  const dirty = new Set<LiveStream>();
  let waitingChars = 0;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<boolean> | undefined;

  const giveUp = (stream: LiveStream): void => {
    dirty.delete(stream);
    waitingChars -= stream.giveUpStoring();
    options.onDropped();
    if (stream.ended) options.onSettled(stream);
  };
  const takeGroup = (): Map<LiveStream, StreamBatch> => {
    const group = new Map<LiveStream, StreamBatch>();
    let chars = 0;
    for (const stream of dirty) {
      if (group.size >= streamsPerGroup || chars >= charsPerGroup) break;
      dirty.delete(stream);
      const batch = stream.unstored(charsPerGroup);
      if (batch === undefined) continue;
      group.set(stream, batch);
      for (const chunk of batch.chunks) chars += chunk.text.length;
    }
    return group;
  };
  /** @returns whether the database took what waited. */
  const commit = async (): Promise<boolean> => {
    const group = takeGroup();
    if (group.size === 0) return true;
    try {
      const kept = await store.save([...group.values()]);
      for (const [stream, batch] of group) {
        // Given up meanwhile, for too much was waiting.
        if (!stream.stored) continue;
        if (!kept.has(stream.id)) {
          log.warn({ streamId: stream.id }, "A stream was taken for abandoned and ended while it ran");
          giveUp(stream);
          continue;
        }
        waitingChars -= stream.markStored(batch.lastEventId);
        if (stream.storedEventId < stream.lastEventId) dirty.add(stream);
        else if (stream.ended) options.onSettled(stream);
      }
      return true;
    } catch (error) {
      log.warn({ err: error, streams: group.size }, "Events of streams could not be stored yet");
      for (const stream of group.keys()) {
        if (!stream.stored) continue;
        if (waitingChars > maxWaitingChars) giveUp(stream);
        else dirty.add(stream);
      }
      return false;
    }
  };
  const runOnce = async (): Promise<boolean> => {
    const taken = await commit();
    running = undefined;
    if (dirty.size > 0) timer = setTimeout(start, taken ? groupWaitMs : retryAfterMs);
    return taken;
  };
  const start = (): void => {
    timer = undefined;
    running ??= runOnce();
  };
  return {
    mark(stream, characters) {
      if (!stream.stored) return;
      waitingChars += characters;
      if (waitingChars > maxWaitingChars) return giveUp(stream);
      dirty.add(stream);
      if (running === undefined) timer ??= setTimeout(start, groupWaitMs);
    },
    async flush(timeoutMs) {
      const timeOver = new AbortController();
      const limit = setTimeout(() => timeOver.abort(), timeoutMs);
      const over = once(timeOver.signal, "abort").then(() => false);
      let taken = true;
      while (taken && (dirty.size > 0 || running !== undefined)) {
        clearTimeout(timer);
        start();
        taken = await Promise.race([running ?? true, over]);
      }
      clearTimeout(limit);
      clearTimeout(timer);
    },
  };
}
