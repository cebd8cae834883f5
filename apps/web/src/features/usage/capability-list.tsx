import type { Entitlements, Plan, Tier } from "@whs/api";
import { capabilities, firstPlanWith, tierNames } from "../../plans.ts";
import { Badge } from "../../ui/badge.tsx";

/** What the plan has, and has not: the latter stays visible and says which plan has it. */
export function CapabilityList({ tier, entitlements, plans }: { tier: Tier; entitlements: Entitlements; plans: readonly Plan[] }) {
  return (
    <ul className="grid gap-3 sm:grid-cols-2 xl:grid-cols-4">
      {capabilities.map(({ key, name, about }) => {
        const first = firstPlanWith(plans, key);
        return (
          <li key={key} className="rounded-lg border border-line bg-surface p-4">
            <p className="flex flex-wrap items-center justify-between gap-2">
              <span className="font-medium">{name}</span>
              <Badge tone={entitlements[key] ? "good" : "neutral"}>{entitlements[key] ? "Included" : "Not included"}</Badge>
            </p>
            <p className="mt-1 text-sm text-muted">{about}</p>
            {!entitlements[key] && (
              <p className="mt-1 text-sm text-warn">
                Not part of the {tierNames[tier]} plan.
                {first === undefined ? " No plan here has it." : ` From the ${tierNames[first.tier]} plan on.`}
              </p>
            )}
          </li>
        );
      })}
    </ul>
  );
}
