import { fleetprompt } from "@whs/api";
import { type LoaderFunctionArgs, type MetaArgs, useLoaderData } from "react-router";
import { marketplaceOf } from "../../api.server.ts";
import { appContext } from "../../context.ts";
import { paths } from "../../paths.ts";
import { EmptyState } from "../../ui/empty-state.tsx";
import { PageHeader } from "../../ui/page-header.tsx";
import { Prose } from "../../ui/prose.tsx";
import { Pager } from "../../ui/table.tsx";
import { describePage } from "./describe-page.ts";
import { ListingCards } from "./listing-cards.tsx";
import { VerifiedBadge } from "./publisher-name.tsx";

const PAGE_SIZE = 24;

export async function loader(args: LoaderFunctionArgs) {
  const publisherId = args.params["publisherId"] ?? "";
  const cursor = new URL(args.request.url).searchParams.get("cursor");
  const { publisher, listings } = await marketplaceOf(args).call(fleetprompt.getPublicPublisher, {
    publisherId,
    limit: PAGE_SIZE,
    ...(cursor === null ? {} : { cursor }),
  });
  const { origin } = args.context.get(appContext).config;
  return { publisher, listings, canonical: `${origin}${paths.publisherPage(publisherId)}` };
}

export const meta = ({ loaderData }: MetaArgs<typeof loader>) => {
  if (loaderData === undefined) return [{ title: "Marketplace – WebHost Systems" }];
  const { publisher, canonical } = loaderData;
  return describePage({
    title: `${publisher.displayName} – Marketplace of WebHost Systems`,
    description: `What ${publisher.displayName} publishes on the marketplace of WebHost Systems.`,
    canonical,
  });
};

export default function PublisherPage() {
  const { publisher, listings } = useLoaderData<typeof loader>();
  return (
    <>
      <PageHeader title={publisher.displayName} description={publisher.verified.status === "verified" ? <VerifiedBadge /> : "Publisher"} />
      {publisher.bio.html !== "" && (
        <section aria-label="About" className="mb-8">
          <Prose html={publisher.bio.html} />
        </section>
      )}
      <h2 className="mb-3 text-lg font-semibold">Listings</h2>
      {listings.items.length === 0 ? (
        <EmptyState title="Nothing published at the moment" />
      ) : (
        <>
          <ListingCards listings={listings.items} />
          <Pager next={listings.nextCursor} />
        </>
      )}
    </>
  );
}
