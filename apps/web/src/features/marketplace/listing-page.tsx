import { fleetprompt } from "@whs/api";
import { type ActionFunctionArgs, Link, type LoaderFunctionArgs, type MetaArgs, useActionData, useLoaderData } from "react-router";
import { marketplaceOf, requireSession, sessionOf } from "../../api.server.ts";
import { appContext } from "../../context.ts";
import { textOf } from "../../form-text.ts";
import { paths } from "../../paths.ts";
import { Badge } from "../../ui/badge.tsx";
import { ButtonLink } from "../../ui/button.tsx";
import { DescriptionList } from "../../ui/description-list.tsx";
import { Amount } from "../../ui/number.tsx";
import { PageHeader } from "../../ui/page-header.tsx";
import { Prose } from "../../ui/prose.tsx";
import { Time } from "../../ui/time.tsx";
import { describePage } from "./describe-page.ts";
import { Pictures } from "./pictures.tsx";
import { PublisherName } from "./publisher-name.tsx";
import { ReleaseDetails, ReleaseList } from "./releases.tsx";
import { ReportForm } from "./report-form.tsx";
import { loadStackFit } from "../../stack-fit.server.ts";
import { StackFit } from "./stack-fit.tsx";
import { kindNames } from "./words.ts";

export async function loader(args: LoaderFunctionArgs) {
  const api = marketplaceOf(args);
  const listingId = args.params["listingId"] ?? "";
  const search = new URL(args.request.url).searchParams;
  const { listingDetail } = await api.call(fleetprompt.getPublicListing, { listingId });
  const shownId = search.get("release") ?? listingDetail.latestRelease?.releaseId;
  const cursor = search.get("cursor");
  const [releases, shown, fit] = await Promise.all([
    cursor === null ? listingDetail.releases : api.call(fleetprompt.listPublicReleases, { listingId, cursor }),
    shownId === undefined ? null : api.call(fleetprompt.getPublicRelease, { releaseId: shownId }),
    loadStackFit(args, listingDetail.listing),
  ]);
  // A release of another listing is not part of this page.
  const release = shown?.release.listingId === listingId ? shown.release : null;
  return {
    ...listingDetail,
    releases,
    release,
    fit,
    signedIn: sessionOf(args) !== null,
    idempotencyKey: crypto.randomUUID(),
    canonical: `${args.context.get(appContext).config.origin}${paths.listing(listingId)}`,
  };
}

export async function action(args: ActionFunctionArgs) {
  requireSession(args);
  const form = await args.request.formData();
  const reported = await marketplaceOf(args).attempt(fleetprompt.reportListing, {
    body: { listingId: args.params["listingId"] ?? "", reason: textOf(form, "reason") ?? "" },
    idempotencyKey: textOf(form, "idempotencyKey") ?? crypto.randomUUID(),
  });
  return reported.ok ? { reported: true as const } : { problem: reported.problem };
}

export const meta = ({ loaderData }: MetaArgs<typeof loader>) => {
  if (loaderData === undefined) return [{ title: "Marketplace – WebHost Systems" }];
  const { listing, canonical } = loaderData;
  const kind = kindNames[listing.assetKind].toLowerCase();
  return describePage({
    title: `${listing.name} by ${listing.publisher.displayName} – Marketplace of WebHost Systems`,
    description:
      listing.summary === "" ? `${listing.name}, published by ${listing.publisher.displayName}: an ${kind} to install.` : listing.summary,
    canonical,
    image: listing.images[0]?.url,
  });
};

export default function ListingPage() {
  const { listing, description, latestRelease, releases, release, fit, signedIn, idempotencyKey } = useLoaderData<typeof loader>();
  const answer = useActionData<typeof action>();
  const installable = listing.assetKind === "whs_agent" && latestRelease !== null;
  return (
    <>
      <PageHeader
        title={listing.name}
        description={
          <>
            {listing.summary !== "" && <p>{listing.summary}</p>}
            <p className="mt-2 flex flex-wrap items-center gap-x-3 gap-y-1">
              <Badge>{kindNames[listing.assetKind]}</Badge>
              <span>
                by <PublisherName publisher={listing.publisher} />
              </span>
            </p>
          </>
        }
        actions={
          installable && (
            <ButtonLink look="primary" to={paths.installListing(listing.listingId)} reloadDocument>
              Install
            </ButtonLink>
          )
        }
      />
      <div className="grid items-start gap-8 lg:grid-cols-[minmax(0,1fr)_20rem]">
        <div className="flex min-w-0 flex-col gap-8">
          <Pictures images={listing.images} />
          <section aria-labelledby="description">
            <h2 id="description" className="mb-3 text-lg font-semibold">
              Description
            </h2>
            {description.html === "" ? <p className="text-muted">No description.</p> : <Prose html={description.html} />}
          </section>
          {release !== null && <ReleaseDetails release={release} isLatest={release.releaseId === latestRelease?.releaseId} />}
        </div>
        <aside aria-label="About this listing" className="flex min-w-0 flex-col gap-6">
          <StackFit fit={fit} />
          <DescriptionList entries={factsOf(listing)} />
          <Words title="Categories" words={listing.categories} to={(value) => paths.marketplaceSearch({ categories: value })} />
          <Words title="Tags" words={listing.tags} to={(value) => paths.marketplaceSearch({ tags: value })} />
          <ReleaseList listingId={listing.listingId} releases={releases} shownId={release?.releaseId ?? null} />
          <ReportForm signedIn={signedIn} listingId={listing.listingId} idempotencyKey={idempotencyKey} answer={answer} />
        </aside>
      </div>
    </>
  );
}

function factsOf(listing: fleetprompt.PublicListing) {
  const { docsUrl, repoUrl } = listing.links;
  return [
    { term: "Installs in 30 days", value: <Amount value={listing.stats.downloads30d} /> },
    { term: "Updated", value: <Time value={new Date(listing.updatedAtMs).toISOString()} form="date" /> },
    { term: "Published first", value: <Time value={new Date(listing.createdAtMs).toISOString()} form="date" /> },
    ...(docsUrl === undefined ? [] : [{ term: "Documentation", value: <OutsideLink href={docsUrl} /> }]),
    ...(repoUrl === undefined ? [] : [{ term: "Source", value: <OutsideLink href={repoUrl} /> }]),
  ];
}

/** What a publisher points to: we vouch for nothing of it, and it learns nothing of this page. The API takes `https:` alone. */
function OutsideLink({ href }: { href: string }) {
  return (
    <a href={href} rel="noopener noreferrer nofollow ugc" className="text-accent underline underline-offset-2">
      {href.replace(/^https:\/\//, "")}
    </a>
  );
}

function Words({ title, words, to }: { title: string; words: readonly string[]; to: (word: string) => string }) {
  if (words.length === 0) return null;
  return (
    <section aria-label={title}>
      <h2 className="text-sm text-muted">{title}</h2>
      <ul className="mt-1 flex flex-wrap gap-x-3 gap-y-1">
        {words.map((word) => (
          <li key={word}>
            <Link to={to(word)} className="text-accent underline underline-offset-2">
              {word}
            </Link>
          </li>
        ))}
      </ul>
    </section>
  );
}
