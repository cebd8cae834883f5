import { type Agent, listAgents } from "@whs/api";
import { Plus } from "lucide-react";
import { Form, Link, type LoaderFunctionArgs, useLoaderData } from "react-router";
import { apiOf } from "../../api.server.ts";
import { appContext } from "../../context.ts";
import { paths } from "../../paths.ts";
import { Button, ButtonLink } from "../../ui/button.tsx";
import { EmptyState } from "../../ui/empty-state.tsx";
import { SelectField, TextField } from "../../ui/field.tsx";
import { PageHeader } from "../../ui/page-header.tsx";
import { type Column, Pager, Table } from "../../ui/table.tsx";
import { Time } from "../../ui/time.tsx";
import { Guide } from "./first-run/guide.tsx";
import { runtimeNames } from "./runtimes.ts";
import { type AgentQuery, readAgentQuery, toApiQuery } from "./list-query.ts";
import { StatusBadge, statusNames } from "./status-badge.tsx";

export const meta = () => [{ title: "Agents – WebHost Systems" }];

export async function loader(args: LoaderFunctionArgs) {
  const query = readAgentQuery(new URL(args.request.url).searchParams);
  const { items, nextCursor } = await apiOf(args).call(listAgents, toApiQuery(query));
  const apiUrl = args.context.get(appContext).config.whsPublicUrl;
  return { query, agents: items, nextCursor, apiUrl, idempotencyKey: crypto.randomUUID() };
}

const COLUMNS: readonly Column<Agent>[] = [
  {
    key: "name",
    sortable: true,
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
    sortable: true,
    label: "Last deployed",
    cell: (agent) => (agent.lastDeployedAt === null ? "Never" : <Time value={agent.lastDeployedAt} form="relative" />),
    optional: true,
  },
  { key: "createdAt", sortable: true, label: "Created", cell: (agent) => <Time value={agent.createdAt} form="date" />, optional: true },
];

export default function AgentsPage() {
  const { agents, nextCursor, query, apiUrl, idempotencyKey } = useLoaderData<typeof loader>();
  const create = (
    <ButtonLink look="primary" to={paths.newAgent()}>
      <Plus aria-hidden className="size-4" />
      Create agent
    </ButtonLink>
  );
  const filtered = query.text !== "" || query.status !== null || query.runtimeProvider !== null;
  const isWhole = query.cursor === null && nextCursor === null;
  if (agents.length === 0 && isWhole && !filtered) {
    return (
      <>
        <PageHeader title="Agents" actions={create} />
        <Guide agent={null} deployment={null} apiUrl={apiUrl} idempotencyKey={idempotencyKey} />
      </>
    );
  }
  return (
    <>
      <PageHeader title="Agents" actions={create} />
      <Filters query={query} />
      <p role="status" className="mb-2 text-sm text-muted">
        {agents.length === 1 ? "1 agent" : `${agents.length} agents`}
        {isWhole ? "" : " on this page"}
      </p>
      {agents.length === 0 ? (
        <EmptyState title="Nothing matches" action={<ButtonLink to={paths.agents()}>Show all</ButtonLink>} />
      ) : (
        <>
          <Table caption="Agents" columns={COLUMNS} rows={agents} rowKey={(agent) => agent.id} />
          <Pager next={nextCursor} />
        </>
      )}
    </>
  );
}

/** A form that leads to a URL: it works without script, and what it found can be kept. */
function Filters({ query }: { query: AgentQuery }) {
  return (
    <Form method="get" role="search" className="mb-4 grid items-end gap-3 sm:grid-cols-[minmax(0,2fr)_1fr_1fr_auto]">
      {query.sort !== null && <input type="hidden" name="sort" value={query.sort} />}
      <TextField label="Search" type="search" name="search" defaultValue={query.text} />
      <SelectField
        label="Status"
        name="status"
        defaultValue={query.status ?? ""}
        options={[{ value: "", label: "All" }, ...Object.entries(statusNames).map(([value, label]) => ({ value, label }))]}
      />
      <SelectField
        label="Runtime"
        name="runtimeProvider"
        defaultValue={query.runtimeProvider ?? ""}
        options={[{ value: "", label: "All" }, ...Object.entries(runtimeNames).map(([value, label]) => ({ value, label }))]}
      />
      <Button type="submit">Show</Button>
    </Form>
  );
}
