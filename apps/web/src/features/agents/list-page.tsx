import { type Agent, listAgents } from "@whs/api";
import { Plus } from "lucide-react";
import { Link, type LoaderFunctionArgs, useLoaderData } from "react-router";
import { apiOf } from "../../api.server.ts";
import { paths } from "../../paths.ts";
import { ButtonLink } from "../../ui/button.tsx";
import { EmptyState } from "../../ui/empty-state.tsx";
import { PageHeader } from "../../ui/page-header.tsx";
import { type Column, Pager, Table } from "../../ui/table.tsx";
import { Time } from "../../ui/time.tsx";
import { runtimeNames } from "./runtimes.ts";
import { StatusBadge } from "./status-badge.tsx";

export const meta = () => [{ title: "Agents – WebHost Systems" }];

export async function loader(args: LoaderFunctionArgs) {
  const cursor = new URL(args.request.url).searchParams.get("cursor") ?? undefined;
  const { items, nextCursor } = await apiOf(args).call(listAgents, { limit: 25, ...(cursor === undefined ? {} : { cursor }) });
  return { agents: items, nextCursor };
}

const COLUMNS: readonly Column<Agent>[] = [
  {
    key: "name",
    label: "Name",
    cell: (agent) => (
      <Link to={paths.agent(agent.id)} className="font-medium text-accent hover:underline">
        {agent.name}
      </Link>
    ),
  },
  { key: "status", label: "Status", cell: (agent) => <StatusBadge status={agent.status} /> },
  { key: "runtimeProvider", label: "Runtime", cell: (agent) => runtimeNames[agent.runtimeProvider], optional: true },
  {
    key: "lastDeployedAt",
    label: "Last deployed",
    cell: (agent) => (agent.lastDeployedAt === null ? "Never" : <Time value={agent.lastDeployedAt} form="relative" />),
    optional: true,
  },
  { key: "createdAt", label: "Created", cell: (agent) => <Time value={agent.createdAt} form="date" />, optional: true },
];

export default function AgentsPage() {
  const { agents, nextCursor } = useLoaderData<typeof loader>();
  const create = (
    <ButtonLink look="primary" to={paths.newAgent()}>
      <Plus aria-hidden className="size-4" />
      Create agent
    </ButtonLink>
  );
  return (
    <>
      <PageHeader title="Agents" actions={agents.length > 0 && create} />
      {agents.length === 0 ? (
        <EmptyState title="No agents yet" action={create}>
          An agent is a name, a runtime and the deployments that serve under it.
        </EmptyState>
      ) : (
        <>
          <Table caption="Agents" columns={COLUMNS} rows={agents} rowKey={(agent) => agent.id} />
          <Pager nextCursor={nextCursor} />
        </>
      )}
    </>
  );
}
