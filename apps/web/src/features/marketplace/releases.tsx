import type { fleetprompt, ReceivedOf } from "@whs/api";
import { Link } from "react-router";
import { paths } from "../../paths.ts";
import { Badge } from "../../ui/badge.tsx";
import { DescriptionList } from "../../ui/description-list.tsx";
import { Amount } from "../../ui/number.tsx";
import { Prose } from "../../ui/prose.tsx";
import { Pager } from "../../ui/table.tsx";
import { Time } from "../../ui/time.tsx";

/** What one release says of itself. */
export function ReleaseDetails({ release, isLatest }: { release: fleetprompt.PublicRelease; isLatest: boolean }) {
  const bundle = release.artifacts.find(({ kind }) => kind === "source_bundle");
  const entries = [
    { term: "Published", value: <Time value={new Date(release.publishedAtMs).toISOString()} form="date" /> },
    { term: "Needs", value: needsOf(release.compat) },
    ...(bundle === undefined
      ? []
      : [
          {
            term: "Size",
            value: <Amount value={bundle.sizeBytes / 1024} options={{ maximumFractionDigits: 1, style: "unit", unit: "kilobyte" }} />,
          },
          { term: "SHA-256 of its bytes", value: <code className="font-mono text-sm">{bundle.sha256}</code> },
        ]),
  ];
  return (
    <section aria-labelledby="release" className="flex flex-col gap-4">
      <h2 id="release" className="flex flex-wrap items-center gap-2 text-lg font-semibold">
        Release {release.version}
        {isLatest && <Badge tone="good">Latest</Badge>}
      </h2>
      <DescriptionList entries={entries} />
      {release.notes.html === "" ? <p className="text-muted">No release notes.</p> : <Prose html={release.notes.html} />}
    </section>
  );
}

function needsOf({ minWHSVersion, minAgentromaticVersion, minAgentelicVersion }: fleetprompt.PublicRelease["compat"]): string {
  const needs = [
    ["WHS", minWHSVersion],
    ["Agentromatic", minAgentromaticVersion],
    ["Agentelic", minAgentelicVersion],
  ].flatMap(([system, version]) => (version === undefined ? [] : [`${system} ${version} or newer`]));
  return needs.length === 0 ? "Any version" : needs.join(", ");
}

type Releases = Omit<ReceivedOf<typeof fleetprompt.listPublicReleases>, "traceId">;

/** All releases, newest first; each leads to what it says of itself. */
export function ReleaseList({ listingId, releases, shownId }: { listingId: string; releases: Releases; shownId: string | null }) {
  return (
    <section aria-labelledby="releases">
      <h2 id="releases" className="font-semibold">
        Releases
      </h2>
      {releases.items.length === 0 && <p className="text-muted">None at the moment.</p>}
      <ul className="mt-1 flex flex-col gap-1">
        {releases.items.map(({ releaseId, version, publishedAtMs }) => (
          <li key={releaseId} className="flex flex-wrap justify-between gap-x-3">
            <Link
              to={paths.listing(listingId, { release: releaseId })}
              aria-current={releaseId === shownId ? "true" : undefined}
              className="text-accent underline underline-offset-2 aria-[current=true]:font-semibold"
            >
              {version}
            </Link>
            <span className="text-sm text-muted">
              <Time value={new Date(publishedAtMs).toISOString()} form="date" />
            </span>
          </li>
        ))}
      </ul>
      <Pager next={releases.nextCursor} />
    </section>
  );
}
