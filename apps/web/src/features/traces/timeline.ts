/** One invocation on one time line: what the gateway recorded, what the agent logged, and what was metered. */
import type { getTrace, LogLine, ReceivedOf } from "@whs/api";

export type TraceItem = ReceivedOf<typeof getTrace>["items"][number];

export interface Moment {
  /** After the gateway accepted the request; negative where another clock runs ahead. */
  offsetMs: number;
  at: string;
  source: "gateway" | "log" | "telemetry";
  level: LogLine["level"] | null;
  text: string;
}

/** Oldest first; what happened in the same millisecond stays in the order accepted, logged, answered, metered. */
export function timelineOf({ invocation, telemetry, logs }: TraceItem): Moment[] {
  const start = Date.parse(invocation.startedAt);
  const at = (offsetMs: number): string => new Date(start + offsetMs).toISOString();
  const answered = invocation.errorCode === null ? "The answer was complete" : `The answer was ${invocation.errorCode}`;
  const moments: Moment[] = [
    { offsetMs: 0, at: invocation.startedAt, source: "gateway", level: null, text: "The request was accepted" },
    ...logs.map(({ timestamp, level, message }) => ({
      offsetMs: Date.parse(timestamp) - start,
      at: timestamp,
      source: "log" as const,
      level,
      text: message,
    })),
    {
      offsetMs: invocation.durationMs,
      at: at(invocation.durationMs),
      source: "gateway",
      level: invocation.errorCode === null ? null : "error",
      text: `${answered} (HTTP ${invocation.statusCode})`,
    },
    ...(telemetry === null
      ? []
      : [
          {
            offsetMs: Date.parse(telemetry.timestamp) - start,
            at: telemetry.timestamp,
            source: "telemetry" as const,
            level: telemetry.errors > 0 ? ("error" as const) : null,
            text: `Metered: ${telemetry.tokens} ${telemetry.tokens === 1 ? "token" : "tokens"}, ${Math.round(telemetry.computeMs)} ms of compute`,
          },
        ]),
  ];
  return moments.toSorted((a, b) => a.offsetMs - b.offsetMs);
}
