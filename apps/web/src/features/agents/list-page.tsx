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
import { type AgentQuery, readAgentQuery, selectAgents } from "./select-agents.ts";
import { StatusBadge, statusNames } from "./status-badge.tsx";

export const meta = () => [{ title: "Agents – WebHost Systems" }];

/** Search and order are of all agents, so all are read: their number is bounded by the plan, and here. */
const MOST_PAGES = 20;

export async function loader(args: LoaderFunctionArgs) {
  const api = apiOf(args);
  const all: Agent[] = [];
  let cursor: string | null | undefined;
  for (let page = 0; page < MOST_PAGES && cursor !== null; page += 1) {
    const answer = await api.call(listAgents, { limit: 100, ...(cursor === undefined ? {} : { cursor }) });
    all.push(...answer.items);
    cursor = answer.nextCursor;
  }
  const query = readAgentQuery(new URL(args.request.url).searchParams);
  const apiUrl = args.context.get(appContext).config.whsPublicUrl;
  return { query, total: all.length, ...selectAgents(all, query), apiUrl, idempotencyKey: crypto.randomUUID() };
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
  { key: "status", sortable: true, label: "Status", cell: (agent) => <StatusBadge status={agent.status} /> },
  { key: "runtimeProvider", sortable: true, label: "Runtime", cell: (agent) => runtimeNames[agent.runtimeProvider], optional: true },
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
  const { agents, total, found, nextPage, query, apiUrl, idempotencyKey } = useLoaderData<typeof loader>();
  const create = (
    <ButtonLink look="primary" to={paths.newAgent()}>
      <Plus aria-hidden className="size-4" />
      Create agent
    </ButtonLink>
  );
  if (total === 0) {
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
        {found === total ? `${total} agents` : `${found} of ${total} agents`}
      </p>
      {found === 0 ? (
        <EmptyState title="Nothing matches" action={<ButtonLink to={paths.agents()}>Show all</ButtonLink>} />
      ) : (
        <>
          <Table caption="Agents" columns={COLUMNS} rows={agents} rowKey={(agent) => agent.id} />
          <Pager parameter="page" next={nextPage === null ? null : String(nextPage)} />
        </>
      )}
    </>
  );
}

/** A form that leads to a URL: it works without script, and what it found can be kept. */
function Filters({ query }: { query: AgentQuery }) {
  return (
    <Form method="get" role="search" className="mb-4 grid items-end gap-3 sm:grid-cols-[minmax(0,2fr)_1fr_1fr_auto]">
      <input type="hidden" name="sort" value={query.sort} />
      <TextField label="Search" type="search" name="search" defaultValue={query.search} />
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
