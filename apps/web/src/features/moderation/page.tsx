import { fleetprompt, type ReceivedOf } from "@whs/api";
import { type ActionFunctionArgs, Form, Link, type LoaderFunctionArgs, useActionData, useLoaderData } from "react-router";
import { marketplaceOf, requireSession } from "../../api.server.ts";
import { redirectWith } from "../../flash.server.ts";
import { textOf } from "../../form-text.ts";
import { paths } from "../../paths.ts";
import { Badge } from "../../ui/badge.tsx";
import { Button } from "../../ui/button.tsx";
import { EmptyState } from "../../ui/empty-state.tsx";
import { SelectField, TextArea, TextField } from "../../ui/field.tsx";
import { ProblemNotice } from "../../ui/notice.tsx";
import { PageHeader } from "../../ui/page-header.tsx";
import { type Column, Pager, Table } from "../../ui/table.tsx";
import { Time } from "../../ui/time.tsx";

export const meta = () => [{ title: "Moderation – WebHost Systems" }, { name: "robots", content: "noindex" }];

/** Who has not the role is refused by the API, and sees that page alone. */
export async function loader(args: LoaderFunctionArgs) {
  requireSession(args);
  const search = new URL(args.request.url).searchParams;
  const status = search.get("status") === "settled" ? "settled" : "open";
  const cursor = search.get("cursor");
  const { items, nextCursor } = await marketplaceOf(args).call(fleetprompt.listReports, {
    status,
    limit: 25,
    ...(cursor === null ? {} : { cursor }),
  });
  return { status, reports: items, nextCursor, listingId: search.get("listingId") ?? "", idempotencyKey: crypto.randomUUID() };
}

export async function action(args: ActionFunctionArgs) {
  const form = await args.request.formData();
  const id = textOf(form, "listingId") ?? "";
  const suspends = form.get("do") === "suspend";
  const done = await marketplaceOf(args).attempt(suspends ? fleetprompt.suspendListing : fleetprompt.restoreListing, {
    id,
    body: { reason: textOf(form, "reason") ?? "" },
    idempotencyKey: textOf(form, "idempotencyKey") ?? crypto.randomUUID(),
  });
  if (!done.ok) return { problem: done.problem };
  return redirectWith(args.context, paths.moderation(), `Listing ${id} is ${suspends ? "suspended" : "restored"}.`);
}

type Report = ReceivedOf<typeof fleetprompt.listReports>["items"][number];

const COLUMNS: readonly Column<Report>[] = [
  {
    key: "listing",
    label: "Listing",
    cell: ({ listingId }) => (
      <>
        <Link to={paths.listing(listingId)} className="font-mono text-sm text-accent hover:underline">
          {listingId}
        </Link>
        <br />
        <Link to={paths.moderation({ listingId })} className="text-sm text-accent underline underline-offset-2">
          Decide
        </Link>
      </>
    ),
  },
  { key: "reason", label: "What was reported", cell: ({ reason }) => <p className="max-w-prose whitespace-pre-line">{reason}</p> },
  {
    key: "status",
    label: "Status",
    cell: ({ status }) => <Badge tone={status === "open" ? "warn" : "neutral"}>{status === "open" ? "Open" : "Settled"}</Badge>,
    optional: true,
  },
  {
    key: "createdAt",
    label: "Reported",
    cell: ({ createdAtMs }) => <Time value={new Date(createdAtMs).toISOString()} form="relative" />,
    optional: true,
  },
];

export default function ModerationPage() {
  const { status, reports, nextCursor, listingId, idempotencyKey } = useLoaderData<typeof loader>();
  const problem = useActionData<typeof action>()?.problem;
  return (
    <>
      <PageHeader
        title="Moderation"
        description="What people have reported, and what is to be done about it. Everything here is audited."
      />
      <div className="grid items-start gap-8 xl:grid-cols-[minmax(0,1fr)_24rem]">
        <section aria-labelledby="reports" className="min-w-0">
          <h2 id="reports" className="mb-3 text-lg font-semibold">
            Reports
          </h2>
          <Form method="get" className="mb-3 flex max-w-sm items-end gap-3">
            <div className="flex-1">
              <SelectField
                label="Status"
                name="status"
                defaultValue={status}
                options={[
                  { value: "open", label: "Open" },
                  { value: "settled", label: "Settled" },
                ]}
              />
            </div>
            <Button type="submit">Show</Button>
          </Form>
          {reports.length === 0 ? (
            <EmptyState title={status === "open" ? "Nothing to decide" : "Nothing settled yet"} />
          ) : (
            <Table caption="Reported listings" columns={COLUMNS} rows={reports} rowKey={({ reportId }) => reportId} />
          )}
          <Pager next={nextCursor} />
        </section>
        <Form method="post" key={listingId} className="flex flex-col gap-4 rounded-lg border border-line bg-surface p-4">
          <h2 className="text-lg font-semibold">Suspend or restore a listing</h2>
          <ProblemNotice problem={problem} />
          <input type="hidden" name="idempotencyKey" value={idempotencyKey} />
          <TextField label="Listing" name="listingId" required defaultValue={listingId} />
          <TextArea
            label="Reason"
            name="reason"
            required
            maxLength={1000}
            hint="Its publisher reads this."
            error={problem?.fields["reason"]}
          />
          <p className="text-sm text-muted">A suspended listing is nowhere to be found or installed until it is restored.</p>
          <div className="flex flex-wrap gap-2">
            <Button type="submit" name="do" value="suspend" look="danger">
              Suspend
            </Button>
            <Button type="submit" name="do" value="restore">
              Restore
            </Button>
          </div>
        </Form>
      </div>
    </>
  );
}
