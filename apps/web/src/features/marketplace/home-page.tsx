import { fleetprompt } from "@whs/api";
import { Link, type LoaderFunctionArgs, type MetaArgs, useLoaderData } from "react-router";
import { marketplaceOf } from "../../api.server.ts";
import { appContext } from "../../context.ts";
import { paths } from "../../paths.ts";
import { EmptyState } from "../../ui/empty-state.tsx";
import { Amount } from "../../ui/number.tsx";
import { PageHeader } from "../../ui/page-header.tsx";
import { describePage } from "./describe-page.ts";
import { ListingCards } from "./listing-cards.tsx";
import { SearchBox } from "./search-form.tsx";

const SHOWN = 6;

export async function loader(args: LoaderFunctionArgs) {
  const api = marketplaceOf(args);
  const [newest, popular] = await Promise.all([
    api.call(fleetprompt.searchListings, { sort: "updated", limit: SHOWN }),
    api.call(fleetprompt.searchListings, { sort: "installs", limit: SHOWN }),
  ]);
  return {
    newest: newest.items,
    popular: popular.items,
    categories: newest.facets?.categories ?? [],
    canonical: `${args.context.get(appContext).config.origin}${paths.marketplace()}`,
  };
}

export const meta = ({ loaderData }: MetaArgs<typeof loader>) =>
  describePage({
    title: "Marketplace of AI agents – WebHost Systems",
    description: "Agents and workflows that others have published, to install as your own: with your secrets, under your limits.",
    canonical: loaderData?.canonical ?? "",
  });

export default function MarketplacePage() {
  const { newest, popular, categories } = useLoaderData<typeof loader>();
  return (
    <>
      <PageHeader
        title="Marketplace"
        description="Agents that others have published. An installed one is your own: it runs with your secrets and under your limits."
      />
      <SearchBox />
      {newest.length === 0 ? (
        <div className="mt-8">
          <EmptyState title="Nothing is published yet">Whoever deploys an agent can offer it here.</EmptyState>
        </div>
      ) : (
        <>
          {categories.length > 0 && (
            <section aria-labelledby="categories" className="mt-10">
              <h2 id="categories" className="mb-3 text-lg font-semibold">
                Categories
              </h2>
              <ul className="flex flex-wrap gap-2">
                {categories.map(({ value, count }) => (
                  <li key={value}>
                    <Link
                      to={paths.marketplaceSearch({ categories: value })}
                      className="inline-flex items-center gap-2 rounded-full border border-line-strong bg-surface px-3 py-1 hover:bg-hover"
                    >
                      {value}
                      <span className="text-sm text-muted">
                        <Amount value={count} />
                      </span>
                    </Link>
                  </li>
                ))}
              </ul>
            </section>
          )}
          <Shelf title="Newest" listings={newest} more={paths.marketplaceSearch({ sort: "updated" })} />
          <Shelf title="Most installed" listings={popular} more={paths.marketplaceSearch({ sort: "installs" })} />
        </>
      )}
    </>
  );
}

function Shelf({ title, listings, more }: { title: string; listings: readonly fleetprompt.PublicListing[]; more: string }) {
  return (
    <section aria-label={title} className="mt-10">
      <div className="mb-3 flex items-baseline justify-between gap-3">
        <h2 className="text-lg font-semibold">{title}</h2>
        <Link to={more} aria-label={`All listings: ${title}`} className="text-accent underline underline-offset-2">
          All
        </Link>
      </div>
      <ListingCards listings={listings} />
    </section>
  );
}
