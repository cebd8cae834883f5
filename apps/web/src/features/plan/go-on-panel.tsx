import type { PaidTier, Plan } from "@whs/api";
import { ExternalLink } from "lucide-react";
import { useEffect, useRef } from "react";
import { tierNames } from "../../plans.ts";
import { isSmaller, lossesOf } from "./compare.ts";

/** Where the form leads: to the checkout of a plan, or (`tier` null) to what manages the subscription. */
export interface GoOn {
  tier: PaidTier | null;
  url: string;
}

interface GoOnPanelProps {
  goOn: GoOn;
  current: Plan;
  wanted: Plan | undefined;
  totals: { requests: number; tokens: number; computeMs: number };
  isTestMode: boolean;
}

/** The last step here: what is about to happen, and the link to the payment provider. */
export function GoOnPanel({ goOn: { tier, url }, current, wanted, totals, isTestMode }: GoOnPanelProps) {
  const panel = useRef<HTMLElement>(null);
  useEffect(() => panel.current?.focus(), []);
  const downgrade = tier !== null && isSmaller(tier, current.tier);
  const losses = wanted === undefined ? [] : lossesOf(current, wanted, totals);
  const place = isTestMode ? "test checkout" : "payment provider";
  return (
    <section ref={panel} tabIndex={-1} aria-labelledby="go-on" className="rounded-lg border-2 border-accent bg-surface p-5">
      <h2 id="go-on" className="text-lg font-semibold">
        {tier === null ? "Billing and invoices" : `Change to the ${tierNames[tier]} plan`}
      </h2>
      <p className="mt-1 max-w-prose text-muted">
        {tier === null
          ? "Invoices, the card, and cancelling or resuming the subscription."
          : downgrade
            ? "This plan is smaller than yours. Its limits hold at once, from the next request on."
            : "Its limits hold at once, as soon as the payment is confirmed."}
      </p>
      {losses.length > 0 && (
        <ul className="mt-2 list-disc pl-5 text-warn">
          {losses.map((loss) => (
            <li key={loss}>{loss}</li>
          ))}
        </ul>
      )}
      <p className="mt-4">
        <a
          href={url}
          rel="noreferrer"
          className="inline-flex min-h-9 items-center gap-2 rounded-md border border-accent bg-accent px-3 py-1.5 font-medium text-on-accent hover:bg-accent-hover"
        >
          Continue to the {place}
          <ExternalLink aria-hidden className="size-4" />
        </a>
      </p>
    </section>
  );
}
