import { fleetprompt } from "@whs/api";
import { X } from "lucide-react";
import { Link, type LoaderFunctionArgs, type MetaArgs, useLoaderData } from "react-router";
import { marketplaceOf } from "../../api.server.ts";
import { appContext } from "../../context.ts";
import { paths } from "../../paths.ts";
import { ButtonLink } from "../../ui/button.tsx";
import { EmptyState } from "../../ui/empty-state.tsx";
import { PageHeader } from "../../ui/page-header.tsx";
import { Pager } from "../../ui/table.tsx";
import { describePage } from "./describe-page.ts";
import { FacetLists } from "./facet-lists.tsx";
import { ListingCards } from "./listing-cards.tsx";
import { SearchForm } from "./search-form.tsx";
import { searchLink, searchParametersOf } from "./search-link.ts";
import { readSearchQuery, type SearchQuery, toSearchInput } from "./search-query.ts";
import { kindNames } from "./words.ts";

const PAGE_SIZE = 24;

export async function loader(args: LoaderFunctionArgs) {
  const query = readSearchQuery(new URL(args.request.url).searchParams);
  const { items, nextCursor, facets } = await marketplaceOf(args).call(fleetprompt.searchListings, {
    ...toSearchInput(query),
    limit: PAGE_SIZE,
  });
  const { origin } = args.context.get(appContext).config;
  return { query, listings: items, nextCursor, facets: facets ?? null, canonical: `${origin}${paths.marketplaceSearch()}` };
}

export const meta = ({ loaderData }: MetaArgs<typeof loader>) =>
  describePage({
    title: `${loaderData?.query.q ? `“${loaderData.query.q}”` : "All listings"} – Marketplace of WebHost Systems`,
    description: "Search published agents and workflows by words, tags, categories and kind.",
    canonical: loaderData?.canonical ?? "",
    indexed: loaderData !== undefined && Object.keys(searchParametersOf(loaderData.query)).length === 0 && loaderData.query.cursor === null,
  });

export default function SearchPage() {
  const { query, listings, nextCursor, facets } = useLoaderData<typeof loader>();
  return (
    <>
      <PageHeader title={query.q === "" ? "All listings" : `Listings for “${query.q}”`} />
      <SearchForm query={query} />
      <Chosen query={query} />
      <div className="grid items-start gap-8 lg:grid-cols-[14rem_minmax(0,1fr)]">
        {facets === null ? <div /> : <FacetLists query={query} facets={facets} />}
        <div className="min-w-0 max-lg:order-first">
          {listings.length === 0 ? (
            <EmptyState title="Nothing matches" action={<ButtonLink to={paths.marketplaceSearch()}>Show all</ButtonLink>}>
              Try other words, or fewer tags and categories.
            </EmptyState>
          ) : (
            <ListingCards listings={listings} level={2} />
          )}
          <Pager next={nextCursor} />
        </div>
      </div>
    </>
  );
}

/** What narrows the search, each with a link that takes it away. */
function Chosen({ query }: { query: SearchQuery }) {
  const entries = [
    ...query.categories.map((value) => ({
      label: `Category: ${value}`,
      to: searchLink(query, { categories: query.categories.filter((other) => other !== value) }),
    })),
    ...query.tags.map((value) => ({
      label: `Tag: ${value}`,
      to: searchLink(query, { tags: query.tags.filter((other) => other !== value) }),
    })),
    ...(query.kind === null ? [] : [{ label: `Kind: ${kindNames[query.kind]}`, to: searchLink(query, { kind: null }) }]),
  ];
  if (entries.length === 0) return null;
  return (
    <ul aria-label="Narrowed by" className="mb-6 flex flex-wrap gap-2">
      {entries.map(({ label, to }) => (
        <li key={label}>
          <Link
            to={to}
            aria-label={`Remove ${label}`}
            className="inline-flex items-center gap-1 rounded-full bg-accent-soft px-3 py-1 text-accent hover:underline"
          >
            {label}
            <X aria-hidden className="size-3.5" />
          </Link>
        </li>
      ))}
    </ul>
  );
}
