import { formatEvent } from "../../event-stream.ts";
import type { EventChunk, StreamBatch } from "./stream-store.ts";

/** Consecutive events, ready to be sent. */
export interface Part {
  text: string;
  lastEventId: number;
  /** The last of them ends the stream. */
  ended: boolean;
}

/** Characters of stored events that stay in memory for readers that keep up. */
const keptChars = 256 * 1024;
/** Characters that a reader gets, or a row holds, at once; a larger event stands alone. */
const partChars = 64 * 1024;

/** How long the first event, which nobody acts on alone, waits for the next to share a packet with. */
const firstWaitMs = 5;

interface LiveStreamOptions {
  id: string;
  userId: string;
  agentId: string;
  /** Runs on without readers. */
  detach: boolean;
  /** How long the agent runs on after its last reader left, in milliseconds. */
  graceMs: number;
  /** Whether readers at other gateways can make themselves heard. */
  hearsOthers: () => boolean;
  /** Events wait for being stored. */
  onEvent: (stream: LiveStream, characters: number) => void;
}

/**
 * A stream at the gateway that runs it. Readers here are served from memory, where events stay until they are stored,
 * and some time after; whoever is further behind reads the store.
 */
export class LiveStream {
  readonly id: string;
  readonly userId: string;
  readonly agentId: string;
  /** Aborted when nobody has followed the stream for the time of grace. */
  readonly cancelled: AbortSignal;
  /** Its owner has asked for its end. */
  cancelRequested = false;
  lastEventId = 0;
  storedEventId = 0;
  ended = false;
  /** False once its events are not written to the store any more. */
  stored = true;
  private readonly options: LiveStreamOptions;
  private readonly cancelling = new AbortController();
  private readonly readers = new Set<() => void>();
  private readonly frames: string[] = [];
  private firstKept = 1;
  /** Characters of the frames that are kept although they are stored. */
  private storedChars = 0;
  private flushing = false;
  private first: NodeJS.Timeout | undefined;
  /** The first event is not shown yet. */
  private holding = false;
  private leaving: NodeJS.Timeout | undefined;
  private followedElsewhereUntil = 0;

  constructor(options: LiveStreamOptions) {
    this.options = options;
    this.id = options.id;
    this.userId = options.userId;
    this.agentId = options.agentId;
    this.cancelled = this.cancelling.signal;
  }

  append(event: string, data: unknown): void {
    if (this.ended) throw new Error(`Stream ${this.id} has ended`);
    this.lastEventId += 1;
    const frame = formatEvent(this.lastEventId, event, data);
    this.frames.push(frame);
    this.options.onEvent(this, frame.length);
    if (this.flushing) return;
    if (this.lastEventId === 1) {
      this.holding = true;
      this.first = setTimeout(this.flush, firstWaitMs);
      return;
    }
    clearTimeout(this.first);
    // Events of one turn of the loop leave in one packet.
    this.flushing = true;
    setImmediate(this.flush);
  }

  end(event: "done" | "error", data: unknown): void {
    this.append(event, data);
    this.ended = true;
    clearTimeout(this.leaving);
  }

  /** Stops the agent, whoever reads. */
  cancel(): void {
    this.cancelRequested = true;
    this.cancelling.abort();
  }

  get readerCount(): number {
    return this.readers.size;
  }

  /** `wake` is called when there is more to read. */
  join(wake: () => void): void {
    this.readers.add(wake);
    clearTimeout(this.leaving);
  }

  leave(wake: () => void): void {
    this.readers.delete(wake);
    if (this.readers.size === 0) this.endUnlessFollowed(this.options.graceMs);
  }

  /** Somebody reads at another gateway. */
  followedElsewhere(forMs: number): void {
    this.followedElsewhereUntil = performance.now() + forMs;
  }

  /** What comes after an event; "stored" when it is in the store only, undefined when nothing does yet. */
  after(eventId: number): Part | "stored" | undefined {
    if (this.holding) return undefined;
    if (eventId >= this.lastEventId) return this.ended ? { text: "", lastEventId: this.lastEventId, ended: true } : undefined;
    if (eventId + 1 < this.firstKept) return "stored";
    const { text, lastEventId } = this.chunkAfter(eventId);
    return { text, lastEventId, ended: this.ended && lastEventId === this.lastEventId };
  }

  /** What has to be written to the store, up to some number of characters; undefined when all of it is there. */
  unstored(maxChars: number): StreamBatch | undefined {
    if (!this.stored || this.storedEventId === this.lastEventId) return undefined;
    const chunks: EventChunk[] = [];
    let last = this.storedEventId;
    for (let chars = 0; last < this.lastEventId && chars < maxChars;) {
      const chunk = this.chunkAfter(last);
      chunks.push(chunk);
      chars += chunk.text.length;
      last = chunk.lastEventId;
    }
    return {
      id: this.id,
      userId: this.userId,
      agentId: this.agentId,
      lastEventId: last,
      ended: this.ended && last === this.lastEventId,
      chunks,
    };
  }

  /** Events up to this one are in the store. @returns how many characters they have. */
  markStored(eventId: number): number {
    let chars = 0;
    for (let id = this.storedEventId + 1; id <= eventId; id++) chars += this.frames[id - this.firstKept]?.length ?? 0;
    this.storedEventId = eventId;
    this.storedChars += chars;
    let drop = 0;
    while (this.storedChars > keptChars && this.firstKept + drop <= eventId) {
      this.storedChars -= this.frames[drop]?.length ?? 0;
      drop += 1;
    }
    this.frames.splice(0, drop);
    this.firstKept += drop;
    return chars;
  }

  /** Writes no more of it to the store: readers here get all of it from memory, nobody can resume elsewhere. @returns the characters that were to be written. */
  giveUpStoring(): number {
    this.stored = false;
    let chars = 0;
    for (let id = this.storedEventId + 1; id <= this.lastEventId; id++) chars += this.frames[id - this.firstKept]?.length ?? 0;
    return chars;
  }

  private chunkAfter(eventId: number): EventChunk {
    let index = eventId + 1 - this.firstKept;
    let text = this.frames[index] ?? "";
    for (index += 1; index < this.frames.length && text.length < partChars; index++) text += this.frames[index];
    return { text, lastEventId: this.firstKept + index - 1 };
  }

  private readonly flush = (): void => {
    this.flushing = false;
    this.holding = false;
    for (const wake of this.readers) wake();
  };

  private endUnlessFollowed(inMs: number): void {
    clearTimeout(this.leaving);
    if (this.ended || this.options.detach) return;
    this.leaving = setTimeout(() => {
      if (this.readers.size > 0) return;
      const elsewhereMs = this.followedElsewhereUntil - performance.now();
      if (elsewhereMs > 0) this.endUnlessFollowed(elsewhereMs);
      // Deaf, it cannot tell whether somebody reads elsewhere; the invocation's own time limit still holds.
      else if (!this.options.hearsOthers()) this.endUnlessFollowed(this.options.graceMs);
      else this.cancelling.abort();
    }, inMs);
  }
}
