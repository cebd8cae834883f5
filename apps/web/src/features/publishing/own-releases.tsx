import type { fleetprompt, ReceivedOf } from "@whs/api";
import { paths } from "../../paths.ts";
import { Badge } from "../../ui/badge.tsx";
import { ButtonLink } from "../../ui/button.tsx";
import { type Column, Pager, Table } from "../../ui/table.tsx";
import { Time } from "../../ui/time.tsx";

const columnsOf = (listingId: string): readonly Column<fleetprompt.PublisherRelease>[] => [
  { key: "version", label: "Version", cell: ({ version }) => version },
  {
    key: "status",
    label: "Status",
    cell: ({ revoked }) =>
      revoked === null ? (
        <Badge tone="good">Published</Badge>
      ) : (
        <>
          <Badge tone="bad">Revoked</Badge> <span className="text-sm text-muted">{revoked.reason}</span>
        </>
      ),
  },
  {
    key: "publishedAt",
    label: "Published",
    cell: ({ publishedAtMs }) => <Time value={new Date(publishedAtMs).toISOString()} form="date" />,
    optional: true,
  },
  {
    key: "actions",
    label: "Withdraw",
    cell: ({ releaseId, version, revoked }) =>
      revoked === null && (
        <ButtonLink to={paths.revokeRelease(listingId, releaseId)} aria-label={`Revoke release ${version}`}>
          Revoke
        </ButtonLink>
      ),
  },
];

interface OwnReleasesProps {
  listingId: string;
  releases: ReceivedOf<typeof fleetprompt.listOwnReleases>;
}

/** All releases, revoked ones included. */
export function OwnReleases({ listingId, releases }: OwnReleasesProps) {
  return (
    <section aria-labelledby="releases" className="flex flex-col gap-3">
      <div className="flex flex-wrap items-center justify-between gap-3">
        <h2 id="releases" className="text-lg font-semibold">
          Releases
        </h2>
        <ButtonLink to={paths.newRelease(listingId)}>Publish a release</ButtonLink>
      </div>
      {releases.items.length === 0 ? (
        <p className="text-muted">None yet. A listing without a release cannot be published.</p>
      ) : (
        <Table caption="All releases" columns={columnsOf(listingId)} rows={releases.items} rowKey={({ releaseId }) => releaseId} />
      )}
      <Pager next={releases.nextCursor} />
    </section>
  );
}
