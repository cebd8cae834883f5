import type { Endpoint } from "@whs/api";
import { openNotifications } from "@whs/platform/db";
import { AppError, invalidRequest, notFound } from "@whs/platform/errors";
import type { HandlerInput } from "@whs/platform/http";
import { idTimeMs, isId, newId } from "@whs/platform/ids";
import type { Logger } from "@whs/platform/log";
import type { Kysely } from "kysely";
import { randomUUID } from "node:crypto";
import type { Schema } from "../../database.ts";
import type { LongAnswers } from "../../long-answers.ts";
import type { Metrics } from "../../observability/index.ts";
import { createStreamCipher } from "./stream-cipher.ts";
import { type EventSource, follow } from "./stream-follower.ts";
import { LiveStream, type Part } from "./stream-live.ts";
import { createRemoteReaders, tellEveryMs } from "./stream-remote-readers.ts";
import { createStreamReader, type Want } from "./stream-reader.ts";
import { createStreamStore, leaseMs } from "./stream-store.ts";
import { createStreamWriter } from "./stream-writer.ts";

type Http = HandlerInput<Endpoint>["http"];

export interface ResumeRequest {
  userId: string;
  agentId: string;
  streamId: string;
  /** Id of the last event that the reader has; 0 for none. */
  after: number;
  traceId: string;
}

/** The streams of one gateway process, and its way to those of others. */
export interface Streams {
  start(options: { userId: string; agentId: string; detach: boolean }): LiveStream;
  /** Keeps the stream until its work is over. */
  track(stream: LiveStream, work: Promise<void>): void;
  /** Sends a stream of this gateway to a reader. */
  follow(stream: LiveStream, http: Http, after: number): void;
  /** Sends a stream to its owner, whichever gateway runs it. @throws AppError before anything is sent. */
  resume(http: Http, request: ResumeRequest): Promise<void>;
  /**
   * Hands a stream to its owner, whichever gateway runs it: what there is, and with `toEnd` also what comes. Ends early
   * when the signal fires. @throws AppError
   */
  read(request: ResumeRequest, reader: { signal: AbortSignal; toEnd: boolean }): AsyncGenerator<Part>;
  /** Stops the agent of a stream, if it runs here. */
  cancel(streamId: string): void;
  readonly figures: { running: number; readers: number };
  /** Lets readers of other gateways' streams go elsewhere, waits for what runs here to end, and writes what is not written yet. */
  close(timeoutMs: number): Promise<void>;
}

export interface StreamsOptions {
  url: string;
  db: Kysely<Schema>;
  log: Logger;
  key: Buffer;
  heartbeatMs: number;
  /** How long an agent runs on after its last reader left. */
  graceMs: number;
  metrics: Metrics;
  longAnswers: LongAnswers;
}

/** Gateways tell each other on it which streams they send to readers: ids with spaces between. */
const followedChannel = "whs_streams_followed";
/** One stream has no more readers than this at one gateway. */
const maxReaders = 16;
/** A stream that has just begun may not be in the store yet. */
const storedWithinMs = 1_000;
const lookAgainMs = 25;

export async function openStreams(options: StreamsOptions): Promise<Streams> {
  const { db, log, heartbeatMs, graceMs, longAnswers } = options;
  const store = createStreamStore({ db, cipher: createStreamCipher(options.key), gatewayId: randomUUID() });
  const live = new Map<string, LiveStream>();
  const works = new Set<Promise<void>>();
  const reader = createStreamReader({ store, log });
  const writer = createStreamWriter({
    store: { ...store, save: options.metrics.group("stream_events", (batches) => store.save(batches)) },
    log,
    onSettled: (stream) => void live.delete(stream.id),
    onDropped: () => options.metrics.dropped("stream_events"),
  });
  const notifications = await openNotifications({ url: options.url, applicationName: "whs streams", log, onReconnect: () => undefined });
  await notifications.listen(followedChannel, (payload) => {
    for (const id of payload.split(" ")) live.get(id)?.followedElsewhere(graceMs + tellEveryMs);
  });
  const remote = createRemoteReaders((ids) => notifications.notify(followedChannel, ids.join(" ")), log);
  const renewing = setInterval(() => {
    const ids = [...live.values()]
      .filter((stream) => stream.stored && !stream.ended && stream.storedEventId > 0)
      .map((stream) => stream.id);
    if (ids.length > 0)
      store.renew(ids).catch((error: unknown) => log.warn({ err: error }, "The expiry of running streams was not renewed"));
  }, leaseMs / 3);
  renewing.unref();

  /** Reads the store for one reader; what it still waits for is dropped when it leaves. */
  const storeReader = (streamId: string, traceId: string) => {
    let want: Want | undefined;
    let eager = true;
    return {
      async after(eventId: number) {
        want = { streamId, after: eventId, traceId, eager };
        const part = await reader.read(want);
        eager = part.more;
        return part;
      },
      leave: () => (want === undefined ? undefined : reader.cancel(want)),
    };
  };
  const liveSource = (stream: LiveStream, traceId: string): EventSource => {
    const stored = storeReader(stream.id, traceId);
    return {
      after(eventId) {
        const part = stream.after(eventId);
        return part === "stored" ? stored.after(eventId) : part;
      },
      join: (wake) => stream.join(wake),
      leave(wake) {
        stored.leave();
        stream.leave(wake);
      },
    };
  };
  /** An account that is closed loses its readers, and with them what they follow. */
  const send = (http: Http, source: EventSource, to: { userId: string; after: number }): (() => void) => {
    let left: (() => void) | undefined;
    const leave = (wake: () => void): void => {
      left?.();
      source.leave(wake);
    };
    const answer = follow(http, { ...source, leave }, { after: to.after, heartbeatMs });
    left = longAnswers.enter(to.userId, answer.cut);
    return answer.end;
  };
  const find = async (request: ResumeRequest): Promise<{ ended: boolean; lost: boolean; lastEventId: number }> => {
    const deadline = isRecent(request.streamId) ? performance.now() + storedWithinMs : 0;
    for (;;) {
      const found = await store.find(request);
      if (found !== undefined) return found;
      if (performance.now() >= deadline) throw notFound("Stream");
      await new Promise((resolve) => setTimeout(resolve, lookAgainMs));
    }
  };
  /** A reader's way to a stream, here or in the store. `onStop` says what to do when this gateway lets its readers go. */
  const open = async (request: ResumeRequest): Promise<{ source: EventSource; lastEventId: number; onStop: (end: () => void) => void }> => {
    const here = live.get(request.streamId);
    if (here !== undefined && here.userId === request.userId && here.agentId === request.agentId) {
      if (request.after > here.lastEventId) throw unknownEvent();
      if (here.readerCount >= maxReaders) throw tooManyReaders();
      return { source: liveSource(here, request.traceId), lastEventId: here.lastEventId, onStop: () => undefined };
    }
    const found = await find(request);
    if (found.ended && !found.lost && request.after > found.lastEventId) throw unknownEvent();
    if (remote.count(request.streamId) >= maxReaders) throw tooManyReaders();
    const stored = storeReader(request.streamId, request.traceId);
    const left = remote.add(request.streamId, found.ended);
    const leave = (): void => {
      stored.leave();
      left();
    };
    return {
      source: { after: (id) => stored.after(id), leave },
      lastEventId: found.lastEventId,
      onStop: (end) => remote.onStop(left, end),
    };
  };
  return {
    start({ userId, agentId, detach }) {
      const stream = new LiveStream({
        id: newId("str"),
        userId,
        agentId,
        detach,
        graceMs,
        hearsOthers: () => notifications.connected,
        onEvent: (marked, characters) => writer.mark(marked, characters),
      });
      live.set(stream.id, stream);
      return stream;
    },
    track(stream, work) {
      const tracked = work.finally(() => {
        works.delete(tracked);
        if (!stream.stored) live.delete(stream.id);
      });
      works.add(tracked);
    },
    async *read(request, { signal, toEnd }) {
      const { source, lastEventId, onStop } = await open(request);
      const stopping = new AbortController();
      onStop(() => stopping.abort());
      const over = AbortSignal.any([signal, stopping.signal]);
      const aborted = new Promise<undefined>((resolve) => over.addEventListener("abort", () => resolve(undefined), { once: true }));
      let wake: (() => void) | undefined;
      const onWake = (): void => wake?.();
      source.join?.(onWake);
      try {
        for (let cursor = request.after; !over.aborted && (toEnd || cursor < lastEventId);) {
          const next = source.after(cursor) ?? new Promise<undefined>((resolve) => (wake = () => resolve(undefined)));
          const part = next instanceof Promise ? await Promise.race([aborted, next]) : next;
          if (part === undefined) continue;
          cursor = part.lastEventId;
          yield part;
          if (part.ended) return;
        }
      } finally {
        source.leave(onWake);
      }
    },
    cancel: (streamId) => live.get(streamId)?.cancel(),
    follow: (stream, http, after) => void send(http, liveSource(stream, http.request.traceId), { userId: stream.userId, after }),
    async resume(http, request) {
      const { source, onStop } = await open(request);
      onStop(send(http, source, request));
    },
    get figures() {
      let readers = remote.total;
      for (const stream of live.values()) readers += stream.readerCount;
      return { running: works.size, readers };
    },
    async close(timeoutMs) {
      remote.stop();
      let limit: NodeJS.Timeout | undefined;
      await Promise.race([Promise.all(works), new Promise((resolve) => (limit = setTimeout(resolve, timeoutMs)))]);
      clearTimeout(limit);
      await writer.flush(timeoutMs);
      clearInterval(renewing);
      await notifications.close();
    },
  };
}

function isRecent(streamId: string): boolean {
  return isId("str", streamId) && Math.abs(Date.now() - idTimeMs(streamId)) < storedWithinMs;
}

function unknownEvent(): AppError {
  return invalidRequest([{ fieldName: "Last-Event-ID", message: "is not an event of this stream yet" }]);
}

function tooManyReaders(): AppError {
  return new AppError("RATE_LIMITED", `A stream has at most ${maxReaders} readers at once.`);
}
