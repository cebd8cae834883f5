import { listFailedInvocations } from "@whs/api";
import { Link, type LoaderFunctionArgs, useLoaderData } from "react-router";
import { apiOf } from "../../api.server.ts";
import { paths } from "../../paths.ts";
import { Badge } from "../../ui/badge.tsx";
import { EmptyState } from "../../ui/empty-state.tsx";
import { type Column, Pager, Table } from "../../ui/table.tsx";
import { Time } from "../../ui/time.tsx";
import { useAgent } from "./agent-frame.tsx";
import { versionsOf } from "./deployment-names.server.ts";

export async function loader(args: LoaderFunctionArgs) {
  const api = apiOf(args);
  const cursor = new URL(args.request.url).searchParams.get("cursor");
  const id = args.params["agentId"] ?? "";
  const { items, nextCursor } = await api.call(listFailedInvocations, { id, ...(cursor === null ? {} : { cursor }) });
  const versions = await versionsOf(
    api,
    items.map((item) => item.deploymentId),
  );
  return { failures: items.map((item) => ({ ...item, version: versions[item.deploymentId] ?? null })), nextCursor };
}

type FailedInvocation = Awaited<ReturnType<typeof loader>>["failures"][number];

const CLASSES: Readonly<Record<string, string>> = {
  auth: "A credential was refused",
  limit: "A limit was reached",
  runtime: "The agent failed",
  tool: "A tool failed",
  unknown: "Unknown",
};

const COLUMNS: readonly Column<FailedInvocation>[] = [
  { key: "timestamp", label: "When", cell: ({ timestamp }) => <Time value={timestamp} /> },
  {
    key: "errorCode",
    label: "Error",
    cell: ({ errorCode, errorClass }) => (
      <div className="flex flex-wrap items-center gap-2">
        <Badge tone="bad">{errorCode}</Badge>
        <span>{CLASSES[errorClass] ?? errorClass}</span>
      </div>
    ),
  },
  { key: "deployment", label: "Deployment", cell: (failure) => <DeploymentLink failure={failure} />, optional: true },
  {
    key: "trace",
    label: "Trace",
    cell: ({ traceId }) => (
      <Link to={paths.trace(traceId)} className="font-mono text-sm text-accent hover:underline">
        {traceId}
      </Link>
    ),
  },
];

function DeploymentLink({ failure: { deploymentId, version } }: { failure: FailedInvocation }) {
  const agent = useAgent();
  if (version === null) return "Deleted";
  return (
    <Link to={paths.deployment(agent.id, deploymentId)} className="text-accent hover:underline">
      Version {version}
    </Link>
  );
}

export default function ErrorsPage() {
  const agent = useAgent();
  const { failures, nextCursor } = useLoaderData<typeof loader>();
  return (
    <>
      <title>{`Errors – ${agent.name} – WebHost Systems`}</title>
      <h2 className="mb-3 text-lg font-semibold">Failed invocations</h2>
      {failures.length === 0 ? (
        <EmptyState title="No failures">Invocations that fail are listed here, each with the trace that tells why.</EmptyState>
      ) : (
        <Table
          caption="Failed invocations"
          columns={COLUMNS}
          rows={failures}
          rowKey={({ traceId, timestamp }) => `${timestamp} ${traceId}`}
        />
      )}
      <Pager next={nextCursor} />
    </>
  );
}
