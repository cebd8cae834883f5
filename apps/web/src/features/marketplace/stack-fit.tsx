import { Notice } from "../../ui/notice.tsx";
import type { Fit } from "../../stack-fit.server.ts";

/** Which release would be installed here, and why no newer one. */
export function StackFit({ fit }: { fit: Fit | null }) {
  if (fit === null) return null;
  const stack = fit.whsVersion === null ? "your WHS" : `your WHS ${fit.whsVersion}`;
  return (
    <Notice tone={fit.chosen === null ? "warn" : "good"}>
      <p className="font-medium">{fit.chosen === null ? `No release fits ${stack}` : `Release ${fit.chosen.version} fits ${stack}`}</p>
      {fit.rejected.length > 0 && (
        <ul className="mt-1 list-disc pl-5 text-sm">
          {fit.rejected.map(({ releaseId, version, reasons }) => (
            <li key={releaseId}>
              {version} {reasons.join("; ")}
            </li>
          ))}
        </ul>
      )}
    </Notice>
  );
}
