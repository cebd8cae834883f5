import type { AuditEntry } from "@whs/api";

/** All that is written down of an entry. It opens without script. */
export function EntryDetails({ entry }: { entry: AuditEntry }) {
  const lines: readonly (readonly [string, string])[] = [
    ["Entry", entry.id],
    ["By", entry.actor],
    ["Target", entry.target ?? "none"],
    ["Trace", entry.traceId ?? "none"],
    ...Object.entries(entry.metadata).map(([name, value]) => [name, typeof value === "string" ? value : JSON.stringify(value)] as const),
  ];
  return (
    <details>
      <summary className="font-medium text-accent">
        Show<span className="sr-only"> details of {entry.action}</span>
      </summary>
      <dl className="mt-2 flex flex-col gap-1 text-sm">
        {lines.map(([name, value], index) => (
          <div key={index}>
            <dt className="inline text-muted">{name}: </dt>
            <dd className="inline font-mono break-all">{value}</dd>
          </div>
        ))}
      </dl>
    </details>
  );
}
