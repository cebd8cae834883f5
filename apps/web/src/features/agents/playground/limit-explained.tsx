import { Link } from "react-router";
import { paths } from "../../../paths.ts";
import { Amount } from "../../../ui/number.tsx";

const NAMES: Readonly<Record<string, string>> = {
  requests: "requests",
  tokens: "tokens",
  computeMs: "milliseconds of compute",
  toolCalls: "tool calls",
  codeExecutionSeconds: "seconds of code execution",
  browserSessions: "browser sessions",
};

/** What a LIMIT_EXCEEDED brings along, as sentences. */
export function LimitExplained({ details }: { details: Readonly<Record<string, unknown>> }) {
  const { limitType, periodKey, current, limit, suggestedAction } = details;
  const unit = typeof limitType === "string" ? NAMES[limitType] : undefined;
  return (
    <div className="mt-1 text-sm">
      {unit !== undefined && typeof current === "number" && typeof limit === "number" && (
        <p>
          <Amount value={current} /> of <Amount value={limit} /> {unit}
          {typeof periodKey === "string" && ` in ${periodKey}`} are used or reserved.
        </p>
      )}
      {typeof suggestedAction === "string" && <p>{suggestedAction}</p>}
      <p>
        <Link to={paths.plan()} className="font-medium underline">
          Compare plans
        </Link>
      </p>
    </div>
  );
}
