import { fleetprompt } from "@whs/api";
import { Plus } from "lucide-react";
import { Link, type LoaderFunctionArgs, redirect, useLoaderData } from "react-router";
import { marketplaceOf, requireSession } from "../../api.server.ts";
import { paths } from "../../paths.ts";
import { Badge } from "../../ui/badge.tsx";
import { ButtonLink } from "../../ui/button.tsx";
import { EmptyState } from "../../ui/empty-state.tsx";
import { Notice } from "../../ui/notice.tsx";
import { PageHeader } from "../../ui/page-header.tsx";
import { type Column, Pager, Table } from "../../ui/table.tsx";
import { Time } from "../../ui/time.tsx";
import { kindNames, statusNames, statusTones } from "./words.ts";

export const meta = () => [{ title: "Publishing – WebHost Systems" }];

export async function loader(args: LoaderFunctionArgs) {
  requireSession(args);
  const api = marketplaceOf(args);
  const { user } = await api.call(fleetprompt.getOwnAccount, {});
  const isAdmin = user.roles.includes("admin");
  if (user.publisher === null && !isAdmin) throw redirect(paths.publisherProfile());
  const approved = user.roles.includes("publisher");
  const cursor = new URL(args.request.url).searchParams.get("cursor");
  const page = approved
    ? await api.call(fleetprompt.listOwnListings, { limit: 25, ...(cursor === null ? {} : { cursor }) })
    : { items: [], nextCursor: null };
  return { approved, isAdmin, publisherId: user.publisher?.publisherId ?? null, listings: page.items, nextCursor: page.nextCursor };
}

const COLUMNS: readonly Column<fleetprompt.PublisherListing>[] = [
  {
    key: "name",
    label: "Name",
    cell: ({ listingId, name }) => (
      <Link to={paths.ownListing(listingId)} className="font-medium text-accent hover:underline">
        {name}
      </Link>
    ),
  },
  { key: "status", label: "Status", cell: ({ status }) => <Badge tone={statusTones[status]}>{statusNames[status]}</Badge> },
  { key: "assetKind", label: "Kind", cell: ({ assetKind }) => kindNames[assetKind], optional: true },
  {
    key: "updatedAt",
    label: "Changed",
    cell: ({ updatedAtMs }) => <Time value={new Date(updatedAtMs).toISOString()} form="relative" />,
    optional: true,
  },
];

export default function PublishingPage() {
  const { approved, isAdmin, publisherId, listings, nextCursor } = useLoaderData<typeof loader>();
  return (
    <>
      <PageHeader
        title="Publishing"
        actions={
          <>
            {isAdmin && <ButtonLink to={paths.moderation()}>Moderation</ButtonLink>}
            <ButtonLink to={paths.publisherProfile()}>Profile</ButtonLink>
            {publisherId !== null && approved && <ButtonLink to={paths.publisherPage(publisherId)}>Public page</ButtonLink>}
            {approved && (
              <ButtonLink look="primary" to={paths.newListing()}>
                <Plus aria-hidden className="size-4" />
                Create listing
              </ButtonLink>
            )}
          </>
        }
      />
      {!approved && <Notice tone="warn">The operator of this installation has to approve your publisher profile first.</Notice>}
      {approved && listings.length === 0 && (
        <EmptyState title="No listings yet">A listing says what you offer; its releases are what others install.</EmptyState>
      )}
      {listings.length > 0 && <Table caption="Listings" columns={COLUMNS} rows={listings} rowKey={({ listingId }) => listingId} />}
      <Pager next={nextCursor} />
    </>
  );
}
