import { getAgent, getMetrics } from "@whs/api";
import { Form, Link, type LoaderFunctionArgs, useLoaderData, useSearchParams } from "react-router";
import { apiOf } from "../../../api.server.ts";
import { usePreferences } from "../../../preferences.ts";
import { Button } from "../../../ui/button.tsx";
import { EmptyState } from "../../../ui/empty-state.tsx";
import { SelectField } from "../../../ui/field.tsx";
import { ProblemNotice } from "../../../ui/notice.tsx";
import { Time } from "../../../ui/time.tsx";
import { useAgent } from "../agent-frame.tsx";
import { latestDeployments, type NamedDeployment } from "../deployment-names.server.ts";
import { MetricsFigures } from "./metrics-figures.tsx";
import { buckets, type MetricsQuery, neighboursOf, ranges, readMetricsQuery, windowOf } from "./metrics-query.ts";

export async function loader(args: LoaderFunctionArgs) {
  const api = apiOf(args);
  const { agent } = await api.call(getAgent, { id: args.params["agentId"] ?? "" });
  const now = Date.now();
  const query = readMetricsQuery(new URL(args.request.url).searchParams);
  const { deploymentId } = query;
  const [deployments, metrics] = await Promise.all([
    latestDeployments(api, agent),
    // A range and buckets that do not fit are the person's to change.
    api.attempt(getMetrics, { id: agent.id, ...windowOf(query, now), ...(deploymentId === null ? {} : { deploymentId }) }),
  ]);
  return { query, deployments, metrics, neighbours: neighboursOf(query, now) };
}

export default function MetricsPage() {
  const agent = useAgent();
  const { timeZone } = usePreferences();
  const { query, deployments, metrics, neighbours } = useLoaderData<typeof loader>();
  return (
    <section aria-labelledby="metrics">
      <title>{`Metrics – ${agent.name} – WebHost Systems`}</title>
      <h2 id="metrics" className="mb-3 text-lg font-semibold">
        Metrics
      </h2>
      <Filters key={JSON.stringify(query)} query={query} deployments={deployments} />
      {metrics.ok ? (
        <>
          <div className="mb-4 flex flex-wrap items-center justify-between gap-3">
            <p className="text-sm text-muted">
              <Time value={metrics.answer.from} /> to <Time value={metrics.answer.to} />
              {metrics.answer.bucket === "day" ? ". Days begin at midnight in UTC." : ` (${timeZone}).`}
            </p>
            <Neighbours neighbours={neighbours} />
          </div>
          {metrics.answer.series.some(({ requests }) => requests > 0) ? (
            <MetricsFigures series={metrics.answer.series} bucket={metrics.answer.bucket} />
          ) : (
            <EmptyState title="No invocations in this time">Choose a longer range, or invoke the agent in the playground.</EmptyState>
          )}
        </>
      ) : (
        <ProblemNotice problem={metrics.problem} />
      )}
    </section>
  );
}

function Filters({ query, deployments }: { query: MetricsQuery; deployments: readonly NamedDeployment[] }) {
  return (
    <Form method="get" className="mb-4 grid items-end gap-3 sm:grid-cols-[1fr_1fr_minmax(0,2fr)_auto]">
      <SelectField
        label="Range"
        name="range"
        defaultValue={query.range}
        options={Object.entries(ranges).map(([value, { label }]) => ({ value, label }))}
      />
      <SelectField
        label="By the"
        name="bucket"
        defaultValue={query.bucket ?? ""}
        options={[{ value: "", label: "as fits the range" }, ...buckets.map((bucket) => ({ value: bucket, label: bucket }))]}
      />
      <SelectField
        label="Deployment"
        name="deployment"
        defaultValue={query.deploymentId ?? ""}
        options={[
          { value: "", label: "All" },
          ...deployments.map(({ id, version, active }) => ({ value: id, label: `Version ${version}${active ? " (active)" : ""}` })),
        ]}
      />
      {query.to !== null && <input type="hidden" name="to" value={query.to} />}
      <Button type="submit">Show</Button>
    </Form>
  );
}

function Neighbours({ neighbours: { earlier, later, atEnd } }: { neighbours: ReturnType<typeof neighboursOf> }) {
  const [search] = useSearchParams();
  const at = (to: string | null): string => {
    const next = new URLSearchParams(search);
    if (to === null) next.delete("to");
    else next.set("to", to);
    return `?${next.toString()}`;
  };
  const link = "font-medium text-accent hover:underline";
  return (
    <nav aria-label="Time" className="flex gap-4">
      <Link to={at(earlier)} preventScrollReset className={link}>
        Earlier
      </Link>
      {!atEnd && (
        <Link to={at(later)} preventScrollReset className={link}>
          {later === null ? "Now" : "Later"}
        </Link>
      )}
    </nav>
  );
}
