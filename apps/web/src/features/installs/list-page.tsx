import { fleetprompt } from "@whs/api";
import { type ActionFunctionArgs, Form, Link, type LoaderFunctionArgs, useActionData, useLoaderData } from "react-router";
import { marketplaceOf, type PageArgs, requireSession } from "../../api.server.ts";
import { redirectWith } from "../../flash.server.ts";
import { textOf } from "../../form-text.ts";
import { paths } from "../../paths.ts";
import { Badge } from "../../ui/badge.tsx";
import { Button, ButtonLink } from "../../ui/button.tsx";
import { EmptyState } from "../../ui/empty-state.tsx";
import { ProblemNotice } from "../../ui/notice.tsx";
import { PageHeader } from "../../ui/page-header.tsx";
import { type Column, Pager, Table } from "../../ui/table.tsx";
import { Time } from "../../ui/time.tsx";
import { describeProgress, isOpen } from "./progress.ts";

export const meta = () => [{ title: "Installs – WebHost Systems" }];

/** Each listing on a page is asked for by itself. */
const PAGE_SIZE = 20;

interface Install {
  intent: fleetprompt.InstallIntent;
  /** Null when it is not published any more. */
  listingName: string | null;
  version: string | null;
}

export async function loader(args: LoaderFunctionArgs) {
  requireSession(args);
  const cursor = new URL(args.request.url).searchParams.get("cursor");
  const { items, nextCursor } = await marketplaceOf(args).call(fleetprompt.listIntents, {
    limit: PAGE_SIZE,
    ...(cursor === null ? {} : { cursor }),
  });
  return { installs: await withNames(args, items), nextCursor };
}

/** Intents bear ids alone; what is published has names. */
async function withNames(args: PageArgs, intents: readonly fleetprompt.InstallIntent[]): Promise<Install[]> {
  const api = marketplaceOf(args);
  const listingIds = [...new Set(intents.map(({ listingId }) => listingId))];
  const found = await Promise.all(listingIds.map((listingId) => api.attempt(fleetprompt.getPublicListing, { listingId })));
  const details = new Map(
    found.flatMap((answer) => (answer.ok ? [[answer.answer.listingDetail.listing.listingId, answer.answer.listingDetail]] : [])),
  );
  return intents.map((intent) => {
    const detail = details.get(intent.listingId);
    const release = detail?.releases.items.find(({ releaseId }) => releaseId === intent.releaseId);
    return { intent, listingName: detail?.listing.name ?? null, version: release?.version ?? null };
  });
}

export async function action(args: ActionFunctionArgs) {
  const form = await args.request.formData();
  const canceled = await marketplaceOf(args).attempt(fleetprompt.cancelIntent, { id: textOf(form, "installIntentId") ?? "" });
  if (!canceled.ok) return { problem: canceled.problem };
  return redirectWith(args.context, paths.installs(), "The install is canceled.");
}

const TONES = { info: "accent", good: "good", warn: "warn", bad: "bad" } as const;

const COLUMNS: readonly Column<Install>[] = [
  {
    key: "listing",
    label: "Listing",
    cell: ({ intent, listingName }) =>
      listingName === null ? (
        <span className="text-muted">Not published any more</span>
      ) : (
        <Link to={paths.listing(intent.listingId)} className="font-medium text-accent hover:underline">
          {listingName}
        </Link>
      ),
  },
  { key: "version", label: "Release", cell: ({ version }) => version ?? "–", optional: true },
  {
    key: "status",
    label: "Status",
    cell: ({ intent }) => {
      const { tone, label } = describeProgress(intent);
      return <Badge tone={TONES[tone]}>{label}</Badge>;
    },
  },
  {
    key: "createdAt",
    label: "Begun",
    cell: ({ intent }) => <Time value={new Date(intent.createdAtMs).toISOString()} form="relative" />,
    optional: true,
  },
  { key: "actions", label: "Go on", cell: ({ intent }) => <Actions intent={intent} /> },
];

function Actions({ intent }: { intent: fleetprompt.InstallIntent }) {
  if (intent.targetSystem !== "whs") return <span className="text-muted">In {intent.targetSystem}</span>;
  if (!isOpen(intent)) {
    return (
      <ButtonLink to={paths.install(intent.installIntentId)} aria-label={`Details of install ${intent.installIntentId}`}>
        Details
      </ButtonLink>
    );
  }
  return (
    <div className="flex flex-wrap gap-2">
      <ButtonLink to={paths.install(intent.installIntentId)}>Go on</ButtonLink>
      <Form method="post">
        <input type="hidden" name="installIntentId" value={intent.installIntentId} />
        <Button type="submit" look="danger">
          Cancel
        </Button>
      </Form>
    </div>
  );
}

export default function InstallsPage() {
  const { installs, nextCursor } = useLoaderData<typeof loader>();
  const problem = useActionData<typeof action>()?.problem;
  const marketplace = <ButtonLink to={paths.marketplace()}>To the marketplace</ButtonLink>;
  return (
    <>
      <PageHeader title="Installs" actions={marketplace} />
      <ProblemNotice problem={problem} />
      {installs.length === 0 ? (
        <EmptyState title="No installs yet">What you install from the marketplace is listed here.</EmptyState>
      ) : (
        <Table caption="Installs" columns={COLUMNS} rows={installs} rowKey={({ intent }) => intent.installIntentId} />
      )}
      <Pager next={nextCursor} />
    </>
  );
}
