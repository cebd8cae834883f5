/** Streams of the APIs on their way to the browser, which speaks to this server alone. */
import { ApiError, type StreamedEvent } from "@whs/api";
import { type PageArgs, problemOf, sessionOf } from "./api.server.ts";
import type { Problem } from "./problem.ts";

/** Proxies in between close what is silent for long. */
const HEARTBEAT_MS = 15_000;
const SIGNED_OUT: Problem = {
  code: "UNAUTHENTICATED",
  message: "You are signed out.",
  traceId: null,
  retryable: false,
  fields: {},
  details: {},
};

/**
 * Answers with the events as they come, and last with a `problem` where the API refuses or the stream breaks off. The status is
 * 200 in any case: how a stream ends is part of it. Whoever leaves ends the API's stream too.
 */
export function passOnEvents(args: PageArgs, open: (signal: AbortSignal) => AsyncIterable<StreamedEvent>): Response {
  const left = new AbortController();
  const frames = framesOf(args, open, AbortSignal.any([args.request.signal, left.signal]));
  let next: Promise<IteratorResult<string>> | undefined;
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      next ??= frames.next();
      const frame = await orHeartbeat(next);
      if (frame === undefined) return controller.enqueue(encoder.encode(": still here\n\n"));
      next = undefined;
      if (frame.done === true) return controller.close();
      controller.enqueue(encoder.encode(frame.value));
    },
    cancel: () => left.abort(),
  });
  return new Response(body, { headers: { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-store" } });
}

async function* framesOf(
  args: PageArgs,
  open: (signal: AbortSignal) => AsyncIterable<StreamedEvent>,
  signal: AbortSignal,
): AsyncGenerator<string> {
  if (sessionOf(args) === null) return yield frameOf({ event: "problem", id: null, data: SIGNED_OUT });
  try {
    for await (const event of open(signal)) yield frameOf(event);
  } catch (error) {
    if (signal.aborted) return;
    if (!(error instanceof ApiError)) throw error;
    yield frameOf({ event: "problem", id: null, data: problemOf(error) });
  }
}

function frameOf({ event, id, data }: StreamedEvent): string {
  return `${id === null ? "" : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}

/** @returns undefined when nothing came for the time of a heartbeat */
async function orHeartbeat<T>(next: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const beat = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, HEARTBEAT_MS, undefined);
  });
  try {
    return await Promise.race([next, beat]);
  } finally {
    clearTimeout(timer);
  }
}
