import type { ReactNode } from "react";
import type { Problem } from "../problem.ts";
import { classNames } from "./class-names.ts";

const TONES = {
  info: "border-line-strong bg-surface",
  good: "border-good bg-good-soft text-good",
  warn: "border-warn bg-warn-soft text-warn",
  bad: "border-bad bg-bad-soft text-bad",
} as const;

export function Notice({ tone = "info", role, children }: { tone?: keyof typeof TONES; role?: "alert" | "status"; children: ReactNode }) {
  return (
    <div role={role} className={classNames("rounded-md border px-4 py-3", TONES[tone])}>
      {children}
    </div>
  );
}

/** What an action could not do, above its form. Messages of fields stand at the fields. */
export function ProblemNotice({ problem }: { problem: Problem | undefined }) {
  if (problem === undefined) return null;
  return (
    <Notice tone="bad" role="alert">
      <p className="font-medium">{problem.message}</p>
      {problem.traceId !== null && <p className="mt-1 text-sm">Trace {problem.traceId}</p>}
    </Notice>
  );
}
