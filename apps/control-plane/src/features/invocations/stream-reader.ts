import { AppError } from "@whs/platform/errors";
import type { Logger } from "@whs/platform/log";
import { formatEvent } from "../../event-stream.ts";
import type { Part } from "./stream-live.ts";
import type { EventChunk, StoredPart, StreamStore } from "./stream-store.ts";

export interface Want {
  streamId: string;
  after: number;
  /** For the error that the reader gets when the stream turns out to be lost. */
  traceId: string;
  /** Looks at once, for a reader that may not have caught up; others wait for the next look. */
  eager: boolean;
}

export interface StoredText extends Part {
  /** There is more in the store. */
  more: boolean;
}

/** Reads streams from the store for all readers of this process together. */
export interface StreamReader {
  /** Resolves once there is something after the event. @throws what the database threw. */
  read(want: Want): Promise<StoredText>;
  /** Nobody waits for it any more; its promise never settles. */
  cancel(want: Want): void;
}

interface Waiting {
  want: Want;
  resolve: (part: StoredText) => void;
  reject: (error: unknown) => void;
}

/** How often readers that have caught up look again: ten statements a second at the most, whatever their number. */
const pollEveryMs = 100;
const wantsPerLook = 64;

export function createStreamReader(options: { store: StreamStore; log: Logger }): StreamReader {
  const { store, log } = options;
  /** Those that were looked for longest ago come first. */
  const waiting = new Map<Want, Waiting>();
  let timer: NodeJS.Timeout | undefined;
  let looking = false;
  let fresh = false;

  const settle = async (entry: Waiting, found: StoredPart | undefined): Promise<void> => {
    const part = await toPart(store, entry.want, found);
    if (part === undefined || !waiting.delete(entry.want)) return;
    entry.resolve(part);
  };
  const look = async (): Promise<void> => {
    const batch = [...waiting.values()].slice(0, wantsPerLook);
    for (const entry of batch) {
      waiting.delete(entry.want);
      waiting.set(entry.want, entry);
    }
    try {
      const found = await store.read(batch.map(({ want }) => want));
      await Promise.all(batch.map((entry, index) => settle(entry, found[index])));
    } catch (error) {
      log.warn({ err: error }, "Streams cannot be read from the store");
      for (const entry of batch) if (waiting.delete(entry.want)) entry.reject(error);
    }
  };
  const schedule = (): void => {
    if (looking || waiting.size === 0) return;
    if (timer !== undefined && !fresh) return;
    clearTimeout(timer);
    timer = setTimeout(() => void run(), fresh ? 0 : pollEveryMs);
    fresh = false;
  };
  const run = async (): Promise<void> => {
    timer = undefined;
    looking = true;
    await look();
    looking = false;
    schedule();
  };
  return {
    read: (want) =>
      new Promise((resolve, reject) => {
        waiting.set(want, { want, resolve, reject });
        if (want.eager) fresh = true;
        schedule();
      }),
    cancel: (want) => void waiting.delete(want),
  };
}

/** What a look has found for a reader; undefined when there is nothing yet. */
async function toPart(store: StreamStore, want: Want, found: StoredPart | undefined): Promise<StoredText | undefined> {
  if (found === undefined) return lostPart(want);
  if (found.chunks.length > 0) {
    const { text, lastEventId } = joinChunks(want.after, found.chunks);
    if (text === "") return lostPart(want);
    const more = lastEventId < found.lastEventId;
    return { text, lastEventId, ended: found.ended && !more, more };
  }
  if (found.abandoned) {
    const traceId = (await traceIdOf(store, want.streamId)) ?? want.traceId;
    const last = lostPart({ ...want, traceId, after: found.lastEventId });
    await store.endAbandoned(want.streamId, last);
    return undefined;
  }
  if (!found.ended) return undefined;
  // The reader may have had events that were never stored: what it misses is the end.
  if (found.lost || want.after < found.lastEventId) return lostPart(want);
  return { text: "", lastEventId: want.after, ended: true, more: false };
}

/** What readers get when the rest of a stream is lost. */
function lostPart({ after, traceId }: Pick<Want, "after" | "traceId">): StoredText {
  const error = new AppError("RUNTIME_ERROR", "The stream broke off: the process that ran it is gone.", { retryable: true });
  return { text: formatEvent(after + 1, "error", error.body(traceId)), lastEventId: after + 1, ended: true, more: false };
}

/** Puts together what follows an event without a gap. */
export function joinChunks(after: number, chunks: readonly EventChunk[]): { text: string; lastEventId: number } {
  let text = "";
  let lastEventId = after;
  for (const chunk of chunks) {
    const first = firstEventId(chunk.text);
    if (first > lastEventId + 1) break;
    text += chunk.text.slice(endOfEvents(chunk.text, lastEventId + 1 - first));
    lastEventId = Math.max(lastEventId, chunk.lastEventId);
  }
  return { text, lastEventId };
}

function firstEventId(text: string): number {
  return Number(text.slice("id: ".length, text.indexOf("\n")));
}

/** Where the first so many events of the text end. */
function endOfEvents(text: string, events: number): number {
  let end = 0;
  for (let n = 0; n < events; n++) end = text.indexOf("\n\n", end) + 2;
  return end;
}

/** The trace id that the stream's first event names. */
async function traceIdOf(store: StreamStore, streamId: string): Promise<string | undefined> {
  const [found] = await store.read([{ streamId, after: 0 }]);
  const meta = /^id: 1\nevent: meta\ndata: (.*)\n\n/.exec(found?.chunks[0]?.text ?? "")?.[1];
  return meta === undefined ? undefined : (JSON.parse(meta) as { traceId?: string }).traceId;
}
