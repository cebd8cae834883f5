import { TRACE_HEADER } from "./answers.ts";
import type { LogRecord } from "./control.ts";
import { Outbox } from "./outbox.ts";

export const logs = new Outbox<LogRecord>("/logs", ({ message }) => message.length);

/** What workerd reports about one event in an agent's isolate. */
export interface TailEvent {
  eventTimestamp: number | null;
  event: { request?: { headers: Readonly<Record<string, string>> } } | null;
  logs: readonly { timestamp: number; level: string; message: unknown }[];
  exceptions: readonly { timestamp: number; name: string; message: string; stack?: string }[];
}

/** Longest line that leaves the cell, in UTF-16 units; the supervisor cuts to the exact bytes after redaction. */
const MAX_LINE = 16 * 1024;

/** The trace id comes from the request that the dispatcher itself made, so that an agent cannot write into another trace. */
export function* tailRecords(events: readonly TailEvent[], deploymentId: string): Generator<LogRecord> {
  for (const tailEvent of events) {
    const { logs: lines, exceptions } = tailEvent;
    // Most invocations write nothing, and reading the rest of an event is the larger part of its cost.
    if (lines.length === 0 && exceptions.length === 0) continue;
    const traceId = tailEvent.event?.request?.headers[TRACE_HEADER] ?? null;
    for (const { timestamp, level, message } of lines) yield { deploymentId, traceId, at: timestamp, level, message: lineText(message) };
    for (const { timestamp, name, message, stack } of exceptions) {
      yield {
        deploymentId,
        traceId,
        at: timestamp,
        level: "error",
        message: `${name}: ${message}${stack === undefined ? "" : `\n${stack}`}`.slice(0, MAX_LINE),
      };
    }
  }
}

/** As a console prints it: texts as they are, everything else as JSON, with blanks between. */
function lineText(message: unknown): string {
  const parts = Array.isArray(message) ? message : [message];
  return parts
    .map((part) => (typeof part === "string" ? part : (JSON.stringify(part) ?? String(part))))
    .join(" ")
    .slice(0, MAX_LINE);
}
