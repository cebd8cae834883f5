import { getUsage, getUsageByAgent, listPlans, type RuntimeProviderName } from "@whs/api";
import { Form, Link, type LoaderFunctionArgs, useLoaderData } from "react-router";
import { apiOf } from "../../api.server.ts";
import { paths } from "../../paths.ts";
import { tierNames } from "../../plans.ts";
import { usePreferences } from "../../preferences.ts";
import { runtimeNames } from "../../runtimes.ts";
import { useAccount } from "../../shell/account.ts";
import { Button, ButtonLink } from "../../ui/button.tsx";
import { SelectField } from "../../ui/field.tsx";
import { Notice } from "../../ui/notice.tsx";
import { Amount } from "../../ui/number.tsx";
import { PageHeader } from "../../ui/page-header.tsx";
import { type Column, Table } from "../../ui/table.tsx";
import { Time } from "../../ui/time.tsx";
import { CapabilityList } from "./capability-list.tsx";
import { LimitCard } from "./limit-card.tsx";
import { endOf, periodOf, periodsUntil, readPeriod } from "./periods.ts";

export const meta = () => [{ title: "Usage – WebHost Systems" }];

export async function loader(args: LoaderFunctionArgs) {
  const api = apiOf(args);
  const now = new Date();
  const period = readPeriod(new URL(args.request.url).searchParams, now);
  const [usage, { items: agents }, { plans }] = await Promise.all([
    api.call(getUsage, { period }),
    api.call(getUsageByAgent, { period }),
    api.call(listPlans, {}),
  ]);
  return { usage, agents, plans, now: now.toISOString() };
}

type Usage = Awaited<ReturnType<typeof loader>>["usage"];

export default function UsagePage() {
  const { usage, agents, plans, now } = useLoaderData<typeof loader>();
  const { user, entitlements } = useAccount();
  const current = usage.period === periodOf(new Date(now));
  const plan = tierNames[usage.tier];
  return (
    <>
      <PageHeader
        title="Usage"
        description={`What your agents used in a month, against the limits of the ${plan} plan. Months are those of UTC.`}
        actions={<ButtonLink to={paths.plan()}>See the plans</ButtonLink>}
      />
      <PeriodChoice period={usage.period} periods={periodsUntil(new Date(now), new Date(user.createdAt))} />
      <div className="flex flex-col gap-10">
        <section aria-labelledby="limits">
          <h2 id="limits" className="mb-4 text-lg font-semibold">
            {current ? "This month against the plan" : "That month against today’s plan"}
          </h2>
          <div className="flex flex-col gap-4">
            {current && <Exhausted usage={usage} />}
            <Limits usage={usage} />
            <p className="max-w-prose text-sm text-muted">
              Pending is what running invocations have reserved; it becomes usage, or comes back, when they end. A request that would go
              beyond a limit is refused with <code className="font-mono">LIMIT_EXCEEDED</code> before it reaches the agent, and is not
              counted.
              {current && (
                <>
                  {" "}
                  Counting starts again on <Time value={endOf(usage.period).toISOString()} form="date" />.
                </>
              )}
            </p>
          </div>
        </section>
        <section aria-labelledby="by-runtime">
          <h2 id="by-runtime" className="mb-4 text-lg font-semibold">
            By runtime
          </h2>
          <Table caption="Usage by runtime" columns={COLUMNS} rows={rowsOf(usage)} rowKey={({ name }) => name} />
          <p className="mt-2 text-sm text-muted">Costs are estimated.</p>
        </section>
        <section aria-labelledby="by-agent">
          <h2 id="by-agent" className="mb-4 text-lg font-semibold">
            By agent
          </h2>
          {agents.length === 0 ? (
            <p>No agent that you have was used.</p>
          ) : (
            <Table caption="Usage by agent" columns={AGENT_COLUMNS} rows={agents} rowKey={({ agentId }) => agentId} />
          )}
          <p className="mt-2 text-sm text-muted">
            Deleted agents count towards the totals alone. An agent’s figures over time are behind its name.
          </p>
        </section>
        <section aria-labelledby="features">
          <h2 id="features" className="mb-4 text-lg font-semibold">
            Features of the {plan} plan
          </h2>
          <CapabilityList tier={user.subscriptionTier} entitlements={entitlements} plans={plans} />
        </section>
      </div>
    </>
  );
}

function Limits({ usage: { totals, pending, limits } }: { usage: Usage }) {
  return (
    <div className="grid gap-4 lg:grid-cols-3">
      <LimitCard name="Requests" unit="requests" used={totals.requests} pending={pending.requests} limit={limits.requests} />
      <LimitCard name="Tokens" unit="tokens" used={totals.tokens} pending={pending.tokens} limit={limits.tokens} />
      <LimitCard
        name="Compute"
        unit="seconds"
        used={totals.computeMs / 1000}
        pending={pending.computeMs / 1000}
        limit={limits.computeMs / 1000}
      />
    </div>
  );
}

/** What the limit means now, where it is reached. */
function Exhausted({ usage: { totals, pending, limits, period } }: { usage: Usage }) {
  const reached = (["requests", "tokens", "computeMs"] as const).filter((key) => totals[key] + pending[key] >= limits[key]);
  if (reached.length === 0) return null;
  const names = reached.map((key) => ({ requests: "requests", tokens: "tokens", computeMs: "compute" })[key]).join(" and ");
  return (
    <Notice tone="bad">
      <p className="font-medium">The plan’s {names} of this month are used up: your agents answer nobody.</p>
      <p className="mt-1">
        They go on at once with a{" "}
        <Link to={paths.plan()} className="underline">
          larger plan
        </Link>
        , or by themselves on <Time value={endOf(period).toISOString()} form="date" />.
      </p>
    </Notice>
  );
}

/** A form that leads to a URL. */
function PeriodChoice({ period, periods }: { period: string; periods: readonly string[] }) {
  const { locale } = usePreferences();
  const month = new Intl.DateTimeFormat(locale, { month: "long", year: "numeric", timeZone: "UTC" });
  const shown = periods.includes(period) ? periods : [period, ...periods];
  return (
    <Form method="get" className="mb-6 flex flex-wrap items-end gap-3">
      <SelectField
        label="Month"
        name="period"
        key={period}
        defaultValue={period}
        options={shown.map((value) => ({ value, label: month.format(new Date(`${value}-01T00:00:00Z`)) }))}
      />
      <Button type="submit">Show</Button>
    </Form>
  );
}

type Row = Usage["totals"] & { name: string };
type AgentRow = Awaited<ReturnType<typeof loader>>["agents"][number];

function rowsOf({ byRuntime, totals }: Usage): Row[] {
  const runtimes: readonly RuntimeProviderName[] = ["cloudflare", "agentcore"];
  return [...runtimes.map((runtime) => ({ name: runtimeNames[runtime], ...byRuntime[runtime] })), { name: "Together", ...totals }];
}

const USD = { style: "currency", currency: "USD", minimumFractionDigits: 2, maximumFractionDigits: 6 } as const;

const FIGURES: readonly Column<Usage["totals"]>[] = [
  { key: "requests", label: "Requests", align: "end", cell: ({ requests }) => <Amount value={requests} /> },
  { key: "errors", label: "Errors", align: "end", cell: ({ errors }) => <Amount value={errors} />, optional: true },
  { key: "tokens", label: "Tokens", align: "end", cell: ({ tokens }) => <Amount value={tokens} />, optional: true },
  {
    key: "compute",
    label: "Compute, seconds",
    align: "end",
    cell: ({ computeMs }) => <Amount value={computeMs / 1000} options={{ maximumFractionDigits: 1 }} />,
    optional: true,
  },
  {
    key: "cost",
    label: "Cost, estimated",
    align: "end",
    cell: ({ costUsdEstimated }) => <Amount value={costUsdEstimated} options={USD} />,
  },
];

const COLUMNS: readonly Column<Row>[] = [{ key: "name", label: "Runtime", cell: ({ name }) => name }, ...FIGURES];

const AGENT_COLUMNS: readonly Column<AgentRow>[] = [
  {
    key: "name",
    label: "Agent",
    cell: ({ agentId, name }) => (
      <Link to={paths.agentMetrics(agentId)} className="font-medium text-accent hover:underline">
        {name}
      </Link>
    ),
  },
  ...FIGURES,
];
