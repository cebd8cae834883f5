import type { Plan } from "@whs/api";
import { Check, Minus } from "lucide-react";
import type { ReactNode } from "react";
import { Form, useNavigation } from "react-router";
import { capabilities, tierNames } from "../../plans.ts";
import { Badge } from "../../ui/badge.tsx";
import { Button } from "../../ui/button.tsx";
import { classNames } from "../../ui/class-names.ts";
import { Amount } from "../../ui/number.tsx";

export function PlanCard({ plan, isCurrent, isDowngrade }: { plan: Plan; isCurrent: boolean; isDowngrade: boolean }) {
  const { tier, entitlements } = plan;
  const name = tierNames[tier];
  return (
    <li
      aria-current={isCurrent ? "true" : undefined}
      className={classNames("flex flex-col rounded-lg border bg-surface p-5", isCurrent ? "border-accent" : "border-line")}
    >
      <div className="mb-4 flex flex-wrap items-center justify-between gap-2">
        <h2 className="text-lg font-semibold">{name}</h2>
        {isCurrent && <Badge tone="accent">Your plan</Badge>}
      </div>
      <dl className="flex flex-col gap-1.5">
        <Line term="Requests a month" value={<Amount value={entitlements.maxRequestsPerPeriod} />} />
        <Line term="Tokens a month" value={<Amount value={entitlements.maxTokensPerPeriod} />} />
        <Line term="Compute a month, seconds" value={<Amount value={entitlements.maxComputeMsPerPeriod / 1000} />} />
        <Line term="Agents" value={<Amount value={entitlements.maxAgents} />} />
        <Line term="Invocations at once" value={<Amount value={entitlements.maxConcurrentInvocations} />} />
        <Line term="Requests a second" value={<Amount value={entitlements.maxRequestsPerSecond} />} />
        <Line term="Logs and telemetry, days" value={<Amount value={entitlements.logsRetentionDays} />} />
        {entitlements.maxToolCallsPerPeriod > 0 && (
          <>
            <Line term="Tool calls a month" value={<Amount value={entitlements.maxToolCallsPerPeriod} />} />
            <Line term="Code, seconds a month" value={<Amount value={entitlements.maxCodeExecutionSecondsPerPeriod} />} />
            <Line term="Browser sessions a month" value={<Amount value={entitlements.maxBrowserSessionsPerPeriod} />} />
          </>
        )}
      </dl>
      <ul className="mt-4 mb-5 flex flex-col gap-1 border-t border-line pt-4">
        {capabilities.map(({ key, name: feature }) => {
          const Icon = entitlements[key] ? Check : Minus;
          return (
            <li key={key} className={classNames("flex items-center gap-2", !entitlements[key] && "text-muted")}>
              <Icon aria-hidden className={classNames("size-4 shrink-0", entitlements[key] && "text-good")} />
              <span>
                {feature}
                <span className={entitlements[key] ? "sr-only" : ""}>{entitlements[key] ? ": included" : ": not included"}</span>
              </span>
            </li>
          );
        })}
      </ul>
      <div className="mt-auto">
        <Choose plan={plan} isCurrent={isCurrent} isDowngrade={isDowngrade} />
      </div>
    </li>
  );
}

function Choose({ plan: { tier, isSold }, isCurrent, isDowngrade }: { plan: Plan; isCurrent: boolean; isDowngrade: boolean }) {
  const navigation = useNavigation();
  if (isCurrent || !isSold) {
    const reason = isCurrent
      ? "This is the plan that holds now."
      : tier === "free"
        ? "Holds by itself when nothing is paid for."
        : "Not sold here. Ask whoever runs this installation.";
    return <p className="text-sm text-muted">{reason}</p>;
  }
  return (
    <Form method="post">
      <Button
        type="submit"
        name="tier"
        value={tier}
        look={isDowngrade ? "secondary" : "primary"}
        className="w-full"
        pending={navigation.formData?.get("tier") === tier}
      >
        {isDowngrade ? "Downgrade" : "Upgrade"} to {tierNames[tier]}
      </Button>
    </Form>
  );
}

function Line({ term, value }: { term: string; value: ReactNode }) {
  return (
    <div className="flex items-baseline justify-between gap-3">
      <dt className="text-muted">{term}</dt>
      <dd className="font-medium tabular-nums">{value}</dd>
    </div>
  );
}
