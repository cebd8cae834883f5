import { type AuditEntry, listAudit } from "@whs/api";
import { Form, Link, type LoaderFunctionArgs, useLoaderData } from "react-router";
import { apiOf } from "../../api.server.ts";
import { paths } from "../../paths.ts";
import { useAccount } from "../../shell/account.ts";
import { Button, ButtonLink } from "../../ui/button.tsx";
import { EmptyState } from "../../ui/empty-state.tsx";
import { SelectField, TextField } from "../../ui/field.tsx";
import { PageHeader } from "../../ui/page-header.tsx";
import { type Column, Pager, Table } from "../../ui/table.tsx";
import { Time } from "../../ui/time.tsx";
import { EntryDetails } from "./entry-details.tsx";

export const meta = () => [{ title: "Audit log – WebHost Systems" }];

/** What stands before the dot of an action. */
const KINDS: Readonly<Record<string, string>> = {
  account: "Account",
  agent: "Agents",
  billing: "Billing",
  delegation: "Delegated invocations",
  deployment: "Deployments",
  install: "Installs",
  secrets: "Secrets",
  session: "Sessions",
  telemetry: "Telemetry",
  token: "API tokens",
  upload: "Uploads",
};

export async function loader(args: LoaderFunctionArgs) {
  const search = new URL(args.request.url).searchParams;
  const wanted = (name: string): string => search.get(name)?.trim() ?? "";
  const query = { action: wanted("action"), target: wanted("target") };
  const asked = Object.entries({ ...query, cursor: wanted("cursor") }).filter(([, value]) => value !== "");
  const { items, nextCursor } = await apiOf(args).call(listAudit, Object.fromEntries(asked));
  return { items, nextCursor, query };
}

function columns(userId: string): readonly Column<AuditEntry>[] {
  return [
    { key: "at", label: "When", cell: ({ at }) => <Time value={at} /> },
    {
      key: "action",
      label: "Action",
      cell: ({ action }) => (
        <Link to={paths.audit({ action })} className="font-mono text-sm text-accent hover:underline">
          {action}
        </Link>
      ),
    },
    {
      key: "target",
      label: "Target",
      cell: ({ target }) =>
        target !== null && (
          <Link to={paths.audit({ target })} className="font-mono text-sm text-accent hover:underline">
            {target}
          </Link>
        ),
      optional: true,
    },
    {
      key: "actor",
      label: "By",
      cell: ({ actor }) => (actor === `user:${userId}` ? "You" : <span className="font-mono text-sm">{actor}</span>),
      optional: true,
    },
    { key: "details", label: "Details", cell: (entry) => <EntryDetails entry={entry} /> },
  ];
}

export default function AuditPage() {
  const { items, nextCursor, query } = useLoaderData<typeof loader>();
  const { user } = useAccount();
  const filtered = query.action !== "" || query.target !== "";
  return (
    <>
      <PageHeader
        title="Audit log"
        description="What was done with your account, by whom, newest first. Nobody can change or delete an entry."
      />
      <Filters key={`${query.action} ${query.target}`} query={query} />
      {items.length === 0 ? (
        <EmptyState
          title={filtered ? "Nothing matches" : "Nothing has been done yet"}
          {...(filtered ? { action: <ButtonLink to={paths.audit()}>Show all</ButtonLink> } : {})}
        />
      ) : (
        <>
          <Table caption="Audit log" columns={columns(user.id)} rows={items} rowKey={({ id }) => id} />
          <Pager next={nextCursor} />
        </>
      )}
    </>
  );
}

/** A form that leads to a URL. A single action comes from a link in the table. */
function Filters({ query }: { query: { action: string; target: string } }) {
  const kinds = Object.entries(KINDS).map(([value, label]) => ({ value, label }));
  const known = query.action === "" || Object.hasOwn(KINDS, query.action);
  return (
    <Form method="get" role="search" className="mb-4 grid items-end gap-3 sm:grid-cols-[1fr_minmax(0,2fr)_auto]">
      <SelectField
        label="Action"
        name="action"
        defaultValue={query.action}
        options={[{ value: "", label: "All" }, ...kinds, ...(known ? [] : [{ value: query.action, label: query.action }])]}
      />
      <TextField label="Target (id)" type="search" name="target" defaultValue={query.target} maxLength={256} autoComplete="off" />
      <Button type="submit">Show</Button>
    </Form>
  );
}
