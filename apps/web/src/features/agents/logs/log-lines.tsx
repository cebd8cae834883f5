import type { LogLine } from "@whs/api";
import { Link } from "react-router";
import { paths } from "../../../paths.ts";
import { Badge, type BadgeTone } from "../../../ui/badge.tsx";
import { Time } from "../../../ui/time.tsx";

const TONES: Readonly<Record<LogLine["level"], BadgeTone>> = { debug: "neutral", info: "accent", warn: "warn", error: "bad" };

/** Newest first. */
export function LogLines({ lines }: { lines: readonly (LogLine & { key: number })[] }) {
  return (
    <ol aria-label="Log lines" className="divide-y divide-line rounded-lg border border-line bg-surface">
      {lines.map(({ key, timestamp, level, source, message, traceId }) => (
        <li key={key} className="grid gap-x-4 gap-y-1 px-4 py-2 md:grid-cols-[12rem_8rem_minmax(0,1fr)_auto]">
          <span className="text-sm text-muted tabular-nums">
            <Time value={timestamp} />
          </span>
          <span className="flex items-start gap-1">
            <Badge tone={TONES[level]}>{level}</Badge>
            <Badge>{source}</Badge>
          </span>
          <span className="font-mono text-sm whitespace-pre-wrap">{message}</span>
          {traceId !== undefined && (
            <Link to={paths.trace(traceId)} className="text-sm text-accent hover:underline">
              Trace
            </Link>
          )}
        </li>
      ))}
    </ol>
  );
}
