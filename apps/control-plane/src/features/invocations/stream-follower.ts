import type { HandlerInput } from "@whs/platform/http";
import type { Endpoint } from "@whs/api";
import { openEventConnection } from "../../event-stream.ts";
import type { Part } from "./stream-live.ts";

/** Where a reader's events come from. */
export interface EventSource {
  /** What comes after an event: at once, later, or undefined when nothing does yet; then `wake` is called. */
  after(eventId: number): Part | Promise<Part> | undefined;
  join?(wake: () => void): void;
  /** The reader is gone. */
  leave(wake: () => void): void;
}

/**
 * Sends events to one reader, at its own pace: while its connection takes no more, nothing is read for it.
 * @returns how to end the answer early: between two events, or at once.
 */
export function follow(
  http: HandlerInput<Endpoint>["http"],
  source: EventSource,
  options: { after: number; heartbeatMs: number },
): { end: () => void; cut: () => void } {
  let cursor = options.after;
  let blocked = false;
  let waiting = false;
  const connection = openEventConnection(http, {
    heartbeatMs: options.heartbeatMs,
    onDrain() {
      blocked = false;
      pump();
    },
    onClose: () => source.leave(pump),
  });
  const take = (part: Part): void => {
    cursor = part.lastEventId;
    if (part.ended) connection.end(part.text);
    else blocked = !connection.write(part.text);
  };
  const later = async (next: Promise<Part>): Promise<void> => {
    waiting = true;
    try {
      const part = await next;
      if (connection.open) take(part);
    } catch {
      // The source has reported why. The reader sees that there is more to come, and can come back for it.
      connection.cut();
    }
    waiting = false;
    pump();
  };
  const pump = (): void => {
    while (!blocked && !waiting && connection.open) {
      const next = source.after(cursor);
      if (next === undefined) return;
      if (next instanceof Promise) void later(next);
      else take(next);
    }
  };
  source.join?.(pump);
  pump();
  return { end: () => (connection.open ? connection.end("") : undefined), cut: () => connection.cut() };
}
