import type { HandlerInput } from "@whs/platform/http";
import type { Endpoint } from "@whs/api";

type Http = HandlerInput<Endpoint>["http"];

/** A comment this often keeps proxies from closing an idle stream. */
export const defaultHeartbeatMs = 15_000;
/** A reader that takes nothing for this long is cut off; it can come back and go on. */
const stalledMs = 60_000;

/** A reader learns that the stream has begun by then, even if nothing happens for long. */
const headWithinMs = 10;
const eventStreamHeaders = [
  ["content-type", "text/event-stream; charset=utf-8"],
  ["cache-control", "no-store"],
  ["x-accel-buffering", "no"],
] as const;

/** One connection that answers with server-sent events (WHATWG HTML), as text that is ready to be sent. */
export interface EventConnection {
  readonly open: boolean;
  /** Sends whole events. False when the connection takes no more for now; `onDrain` says when it does again. */
  write(text: string): boolean;
  /** Sends the last events and ends the answer. */
  end(text: string): void;
  /** Breaks the connection, so that the reader sees that there is more to come. */
  cut: () => void;
}

export interface ConnectionOptions {
  heartbeatMs: number;
  onDrain(): void;
  /** The answer is over, because it was ended or because the reader left. */
  onClose(): void;
}

/** Takes the answer over. Its head leaves with the first text; an answer that is complete by then is one write of known length. */
export function openEventConnection(http: Http, options: ConnectionOptions): EventConnection {
  const response = http.takeOver();
  response.statusCode = 200;
  for (const [name, value] of eventStreamHeaders) response.setHeader(name, value);
  const head = setTimeout(() => response.flushHeaders(), headWithinMs);
  let blockedSince: number | undefined;
  const heartbeat = setInterval(() => {
    if (blockedSince === undefined) write(": heartbeat\n\n");
    else if (performance.now() - blockedSince > stalledMs) response.destroy();
  }, options.heartbeatMs);
  const write = (text: string): boolean => {
    clearTimeout(head);
    if (response.write(text)) return true;
    blockedSince ??= performance.now();
    return false;
  };
  response.on("drain", () => {
    blockedSince = undefined;
    options.onDrain();
  });
  const closed = (): void => {
    clearTimeout(head);
    clearInterval(heartbeat);
    options.onClose();
  };
  if (response.destroyed) queueMicrotask(closed);
  else response.once("close", closed);
  return {
    get open() {
      return !response.destroyed && !response.writableEnded;
    },
    write,
    end(text) {
      clearTimeout(head);
      clearInterval(heartbeat);
      if (text === "") response.end();
      else response.end(text);
    },
    cut: () => void response.destroy(),
  };
}

export interface EventStream {
  /** Sends an event with the next id; resolves when the connection can take more, or is closed. */
  send(event: string, data: unknown): Promise<void>;
  /** Sends whole events as they are, likewise. */
  write: (text: string) => Promise<void>;
  end(): void;
  /** Breaks the connection. */
  cut: () => void;
}

/** Starts a stream of events that nobody can resume; ids count from 1. */
export function startEventStream(http: Http, options: { heartbeatMs?: number } = {}): EventStream {
  let wake: (() => void) | undefined;
  const goOn = (): void => {
    wake?.();
    wake = undefined;
  };
  const connection = openEventConnection(http, {
    heartbeatMs: options.heartbeatMs ?? defaultHeartbeatMs,
    onDrain: goOn,
    onClose: goOn,
  });
  let id = 0;
  const write = async (text: string): Promise<void> => {
    if (!connection.open || connection.write(text)) return;
    await new Promise<void>((resolve) => (wake = resolve));
  };
  return {
    send(event, data) {
      id += 1;
      return write(formatEvent(id, event, data));
    },
    write,
    end: () => connection.end(""),
    cut: () => connection.cut(),
  };
}

/** JSON has no line break outside of its escapes, so `data` is one line. */
export function formatEvent(id: number, event: string, data: unknown): string {
  return `id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
