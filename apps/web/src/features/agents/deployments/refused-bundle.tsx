import type { Problem } from "../../../problem.ts";
import { Notice } from "../../../ui/notice.tsx";

/** Why a bundle was not taken, in the API's words: the file or field, and what is wrong with each. */
export function RefusedBundle({ problem }: { problem: Problem | undefined }) {
  if (problem === undefined) return null;
  const findings = Object.entries(problem.fields);
  return (
    <Notice tone="bad" role="alert">
      <p className="font-medium">{problem.message}</p>
      {findings.length > 1 && (
        <ul className="mt-2 list-disc pl-5 text-sm">
          {findings.map(([name, message]) => (
            <li key={name}>
              <code className="font-mono">{name}</code>: {message}
            </li>
          ))}
        </ul>
      )}
      {problem.traceId !== null && <p className="mt-1 text-sm">Trace {problem.traceId}</p>}
    </Notice>
  );
}
