import type { LogLine } from "@whs/api";
import { classNames } from "../../../ui/class-names.ts";
import { Time } from "../../../ui/time.tsx";

const TONES: Readonly<Record<LogLine["level"], string>> = { debug: "text-muted", info: "", warn: "text-warn", error: "text-bad" };

/** Lines of a log, oldest first; those that come while it grows are read out. */
export function LogLines({ lines, underWay }: { lines: readonly LogLine[]; underWay: boolean }) {
  return (
    <div
      role="log"
      aria-label="Log of the deployment"
      aria-busy={underWay}
      tabIndex={0}
      className="max-h-96 overflow-auto rounded-lg border border-line bg-sunken p-4 font-mono text-sm leading-relaxed"
    >
      {lines.length === 0 && <p className="text-muted">{underWay ? "Waiting for the first line…" : "No lines."}</p>}
      {lines.map((line, index) => (
        <p key={`${line.timestamp} ${index}`} className={classNames("whitespace-pre-wrap", TONES[line.level])}>
          <span className="text-muted">
            <Time value={line.timestamp} /> {line.source}{" "}
          </span>
          {line.level === "warn" || line.level === "error" ? `${line.level}: ` : ""}
          {line.message}
        </p>
      ))}
    </div>
  );
}
