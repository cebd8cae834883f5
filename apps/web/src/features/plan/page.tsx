import { createCheckout, createPortalLink, getUsage, listPlans, paidTierSchema } from "@whs/api";
import { type ActionFunctionArgs, Form, Link, type LoaderFunctionArgs, useActionData, useLoaderData } from "react-router";
import { apiOf } from "../../api.server.ts";
import { paths } from "../../paths.ts";
import { invalid } from "../../problem.ts";
import { tierNames } from "../../plans.ts";
import { useAccount } from "../../shell/account.ts";
import { Button } from "../../ui/button.tsx";
import { Notice, ProblemNotice } from "../../ui/notice.tsx";
import { PageHeader } from "../../ui/page-header.tsx";
import { Time } from "../../ui/time.tsx";
import { type GoOn, GoOnPanel } from "./go-on-panel.tsx";
import { PlanCard } from "./plan-card.tsx";
import { isSmaller } from "./compare.ts";

export const meta = () => [{ title: "Plan – WebHost Systems" }];

export async function loader(args: LoaderFunctionArgs) {
  const api = apiOf(args);
  const [{ plans, subscription, isTestMode }, { totals }] = await Promise.all([api.call(listPlans, {}), api.call(getUsage, {})]);
  const returned = new URL(args.request.url).searchParams.has("returned");
  return { plans, subscription, isTestMode, totals, returned };
}

/**
 * Answers with the address to go on to, as a link: the answer to a form may not lead to another site (`form-action 'self'`),
 * and people see what they are about to do.
 */
export async function action(args: ActionFunctionArgs): Promise<{ goOn: GoOn } | { problem: ReturnType<typeof invalid> }> {
  const form = await args.request.formData();
  const api = apiOf(args);
  if (form.get("intent") === "portal") {
    const portal = await api.attempt(createPortalLink, {});
    return portal.ok ? { goOn: { tier: null, url: portal.answer.portalUrl } } : { problem: portal.problem };
  }
  const tier = paidTierSchema.safeParse(form.get("tier"));
  if (!tier.success) return { problem: invalid({ tier: "Choose a plan." }, "Choose a plan.") };
  const checkout = await api.attempt(createCheckout, { body: { tier: tier.data } });
  return checkout.ok ? { goOn: { tier: tier.data, url: checkout.answer.checkoutUrl } } : { problem: checkout.problem };
}

export default function PlanPage() {
  const { plans, totals, isTestMode, subscription } = useLoaderData<typeof loader>();
  const done = useActionData<typeof action>();
  const { user } = useAccount();
  const current = plans.find(({ tier }) => tier === user.subscriptionTier);
  const chosen = done !== undefined && "goOn" in done ? done.goOn : undefined;
  return (
    <>
      <PageHeader
        title="Plan"
        description={
          <>
            You are on the <strong className="text-text">{tierNames[user.subscriptionTier]}</strong> plan. How much of it is used is under{" "}
            <Link to={paths.usage()} className="text-accent underline">
              Usage
            </Link>
            .
          </>
        }
        actions={
          <Form method="post">
            <Button type="submit" name="intent" value="portal">
              Billing and invoices
            </Button>
          </Form>
        }
      />
      <div className="mb-6 flex flex-col gap-3 empty:hidden">
        {done !== undefined && "problem" in done && <ProblemNotice problem={done.problem} />}
        {chosen !== undefined && current !== undefined && (
          <GoOnPanel
            key={chosen.url}
            goOn={chosen}
            current={current}
            wanted={plans.find(({ tier }) => tier === chosen.tier)}
            totals={totals}
            isTestMode={isTestMode}
          />
        )}
        <Standing />
        {isTestMode && <Notice>Billing is in test mode: any plan can be chosen, no card is asked for and no money moves.</Notice>}
      </div>
      <ul className="grid gap-4 sm:grid-cols-2 2xl:grid-cols-4">
        {plans.map((plan) => (
          <PlanCard
            key={plan.tier}
            plan={plan}
            isCurrent={plan.tier === user.subscriptionTier}
            isDowngrade={isSmaller(plan.tier, user.subscriptionTier)}
          />
        ))}
      </ul>
      <section aria-labelledby="changes" className="mt-8 max-w-prose text-muted">
        <h2 id="changes" className="mb-2 text-lg font-semibold text-text">
          When a plan changes
        </h2>
        <p>
          A plan changes when the payment provider has confirmed it, a larger and a smaller one at once and for every agent. What this month
          has used already counts against the new limits. Agents beyond a smaller plan’s number stay and go on serving; no further one can
          be created. {subscription === null ? "" : "To go back to the Free plan, cancel the subscription under “Billing and invoices”."}
        </p>
      </section>
    </>
  );
}

/** What there is to say of the subscription, and after the return from paying. */
function Standing() {
  const { subscription, returned } = useLoaderData<typeof loader>();
  const { user } = useAccount();
  const plan = tierNames[user.subscriptionTier];
  return (
    <>
      {returned && (
        <Notice tone="good" role="status">
          <p className="font-medium">Welcome back. You are on the {plan} plan.</p>
          <p className="mt-1">
            A payment that was just made shows here as soon as the provider confirms it, usually within seconds.{" "}
            <Link to={`${paths.plan()}?returned=1`} className="underline">
              Look again
            </Link>
          </p>
        </Notice>
      )}
      {subscription?.status === "cancelled" && (
        <Notice tone="warn">
          <p>
            The {tierNames[subscription.tier]} subscription is cancelled.
            {subscription.endsAt !== null && (
              <>
                {" "}
                It is paid for until <Time value={subscription.endsAt} form="date" />; then the Free plan holds.
              </>
            )}
          </p>
        </Notice>
      )}
      {subscription?.status === "past_due" && (
        <Notice tone="bad">The last payment failed. The plan stays for now: renew the card under “Billing and invoices”.</Notice>
      )}
    </>
  );
}
