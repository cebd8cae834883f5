import { getAgent, listDeploymentLogs, type LogLine } from "@whs/api";
import { Form, type LoaderFunctionArgs, useLoaderData } from "react-router";
import { apiOf } from "../../../api.server.ts";
import { Badge } from "../../../ui/badge.tsx";
import { Button } from "../../../ui/button.tsx";
import { EmptyState } from "../../../ui/empty-state.tsx";
import { SelectField } from "../../../ui/field.tsx";
import { ProblemNotice } from "../../../ui/notice.tsx";
import { Pager } from "../../../ui/table.tsx";
import { useAgent } from "../agent-frame.tsx";
import { latestDeployments, type NamedDeployment } from "../deployment-names.server.ts";
import { LogLines } from "./log-lines.tsx";
import { type TailState, useLogTail } from "./use-log-tail.ts";

const LINES_A_PAGE = 100;

export async function loader(args: LoaderFunctionArgs) {
  const api = apiOf(args);
  const { agent } = await api.call(getAgent, { id: args.params["agentId"] ?? "" });
  const deployments = await latestDeployments(api, agent);
  const query = new URL(args.request.url).searchParams;
  const cursor = query.get("cursor");
  const id = query.get("deployment") ?? agent.activeDeploymentId ?? deployments[0]?.id;
  if (id === undefined) return { deployments, deploymentId: null, lines: [], nextCursor: null, newest: true };
  const log = await api.call(listDeploymentLogs, { id, limit: LINES_A_PAGE, ...(cursor === null ? {} : { cursor }) });
  return { deployments, deploymentId: id, lines: log.lines, nextCursor: log.nextCursor, newest: cursor === null };
}

export default function LogsPage() {
  const agent = useAgent();
  const { deployments, deploymentId, lines, nextCursor, newest } = useLoaderData<typeof loader>();
  return (
    <section aria-labelledby="log">
      <title>{`Logs – ${agent.name} – WebHost Systems`}</title>
      <h2 id="log" className="mb-3 text-lg font-semibold">
        Log
      </h2>
      {deploymentId === null ? (
        <EmptyState title="No log yet">A log begins with the first deployment.</EmptyState>
      ) : (
        <>
          <Form method="get" className="mb-4 flex flex-wrap items-end gap-3">
            <SelectField
              label="Deployment"
              name="deployment"
              key={deploymentId}
              defaultValue={deploymentId}
              options={optionsFor(deployments)}
            />
            <Button type="submit">Show</Button>
          </Form>
          {newest ? <NewestLines key={deploymentId} deploymentId={deploymentId} lines={lines} /> : <Lines lines={lines} />}
          <Pager next={nextCursor} />
        </>
      )}
    </section>
  );
}

function optionsFor(deployments: readonly NamedDeployment[]) {
  return deployments.map(({ id, version, active }) => ({ value: id, label: `Version ${version}${active ? " (active)" : ""}` }));
}

function NewestLines({ deploymentId, lines }: { deploymentId: string; lines: readonly LogLine[] }) {
  const agent = useAgent();
  const tail = useLogTail(agent.id, deploymentId);
  const following = tail.state === "following" || tail.state === "reconnecting";
  return (
    <>
      <div className="mb-3 flex flex-wrap items-center gap-3">
        <Button onClick={following ? tail.pause : tail.follow}>{following ? "Pause" : tail.state === "off" ? "Follow" : "Resume"}</Button>
        <p role="status" className="text-sm text-muted">
          <TailStateBadge state={tail.state} />
        </p>
      </div>
      {tail.problem !== null && (
        <div className="mb-3">
          <ProblemNotice problem={tail.problem} />
        </div>
      )}
      {tail.lines.length === 0 ? <Lines lines={lines} /> : <LogLines lines={tail.lines} />}
    </>
  );
}

function TailStateBadge({ state }: { state: TailState }) {
  switch (state) {
    case "off":
      return null;
    case "following":
      return <Badge tone="good">New lines appear on top</Badge>;
    case "reconnecting":
      return <Badge tone="warn">Connection lost, trying again…</Badge>;
    case "paused":
      return <Badge>Paused</Badge>;
    case "failed":
      return <Badge tone="bad">Not following</Badge>;
  }
}

function Lines({ lines }: { lines: readonly LogLine[] }) {
  if (lines.length === 0) return <EmptyState title="No lines">What the agent writes to its console appears here.</EmptyState>;
  return <LogLines lines={lines.map((line, key) => ({ ...line, key }))} />;
}
