import type { ReactNode } from "react";
import { Link } from "react-router";
import { paths } from "../../../paths.ts";
import type { Problem } from "../../../problem.ts";
import { Badge } from "../../../ui/badge.tsx";
import { Notice } from "../../../ui/notice.tsx";
import { Amount } from "../../../ui/number.tsx";
import { LimitExplained } from "./limit-explained.tsx";
import type { Exchange } from "./use-conversation.ts";

const LINK = "font-medium text-accent hover:underline";

/** One question with its answer, what it used, and what went wrong. */
export function ExchangeCard({ exchange }: { exchange: Exchange }) {
  const { prompt, text, state, problem } = exchange;
  const running = state === "answering" || state === "resuming";
  return (
    <li className="rounded-lg border border-line bg-surface">
      <div className="border-b border-line bg-sunken px-4 py-3">
        <h3 className="text-sm font-medium text-muted">You</h3>
        <p className="whitespace-pre-wrap">{prompt}</p>
      </div>
      <div className="flex flex-col gap-3 px-4 py-3">
        <div>
          <h3 className="flex items-center gap-2 text-sm font-medium text-muted">
            Agent
            {state === "answering" && <Badge tone="accent">Answering…</Badge>}
            {state === "resuming" && <Badge tone="warn">Connection lost, going on…</Badge>}
            {state === "cancelled" && <Badge tone="warn">Cancelled</Badge>}
            {state === "failed" && <Badge tone="bad">Failed</Badge>}
          </h3>
          {(running || text !== "") && (
            <p aria-busy={running} className="min-h-6 whitespace-pre-wrap">
              {text}
            </p>
          )}
        </div>
        {problem !== null && <Failure problem={problem} sentTo={exchange.sentTo} />}
        {state === "cancelled" && <p className="text-sm text-muted">The agent is told to stop. What it used until then counts.</p>}
        <Facts exchange={exchange} />
      </div>
    </li>
  );
}

function Facts({ exchange: { usage, meta, problem } }: { exchange: Exchange }) {
  const traceId = meta?.traceId ?? problem?.traceId ?? null;
  if (usage === null && traceId === null) return null;
  return (
    <ul className="flex flex-wrap gap-x-4 gap-y-1 border-t border-line pt-2 text-sm text-muted">
      {usage !== null && (
        <>
          <li>
            <Amount value={usage.tokens} /> tokens{usage.tokensEstimated && " (estimated)"}
          </li>
          <li>
            <Amount value={usage.computeMs} options={{ maximumFractionDigits: 0 }} /> ms compute
          </li>
          {usage.toolCalls > 0 && (
            <li>
              <Amount value={usage.toolCalls} /> tool calls
            </li>
          )}
        </>
      )}
      {/* What was refused before it reached the runtime leaves no trace. */}
      {traceId !== null && meta !== null && (
        <li>
          <Link to={paths.trace(traceId)} className={LINK}>
            Trace
          </Link>
        </li>
      )}
      {traceId !== null && meta === null && <li>Trace id {traceId}</li>}
    </ul>
  );
}

function Failure({ problem, sentTo }: { problem: Problem; sentTo: string | null }) {
  const fields = Object.entries(problem.fields);
  return (
    <Notice tone="bad">
      <p className="font-medium">{problem.message}</p>
      {fields.map(([name, message]) => (
        <p key={name} className="mt-1 text-sm">
          {name} {message}
        </p>
      ))}
      {problem.code === "LIMIT_EXCEEDED" && <LimitExplained details={problem.details} />}
      <NextStep problem={problem} sentTo={sentTo} />
    </Notice>
  );
}

function NextStep({ problem: { code, retryable }, sentTo }: { problem: Problem; sentTo: string | null }) {
  const text = nextStepFor(code, retryable, sentTo);
  return text === null ? null : <p className="mt-1 text-sm">{text}</p>;
}

function nextStepFor(code: string, retryable: boolean, sentTo: string | null): ReactNode {
  if (code === "UNAUTHENTICATED")
    return (
      <Link to={paths.signIn()} reloadDocument className="font-medium underline">
        Sign in again
      </Link>
    );
  if (code === "LIMIT_EXCEEDED") return null;
  if (code === "RUNTIME_ERROR" && !retryable && sentTo !== null) return "If the session has expired, start a new one below.";
  if (code === "RUNTIME_ERROR") return "The trace shows what the agent has logged.";
  if (code === "RATE_LIMITED") return "Wait a moment, then send it again.";
  return retryable ? "Send it again in a moment." : null;
}
