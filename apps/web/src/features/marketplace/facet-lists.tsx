import type { fleetprompt, ReceivedOf } from "@whs/api";
import { Link } from "react-router";
import { Amount } from "../../ui/number.tsx";
import { searchLink } from "./search-link.ts";
import type { SearchQuery } from "./search-query.ts";
import { kindNames } from "./words.ts";

type Facets = NonNullable<ReceivedOf<typeof fleetprompt.searchListings>["facets"]>;

interface Entry {
  value: string;
  label: string;
  count: number;
  to: string;
}

const SHOWN = 12;

/** How many of the found listings have which category, tag and kind; each leads to those. */
export function FacetLists({ query, facets }: { query: SearchQuery; facets: Facets }) {
  const categories = facets.categories
    .filter(({ value }) => !query.categories.includes(value))
    .map((entry) => ({ ...entry, label: entry.value, to: searchLink(query, { categories: [...query.categories, entry.value] }) }));
  const tags = facets.tags
    .filter(({ value }) => !query.tags.includes(value))
    .map((entry) => ({ ...entry, label: entry.value, to: searchLink(query, { tags: [...query.tags, entry.value] }) }));
  const kinds = facets.assetKinds.flatMap(({ value, count }) =>
    query.kind === null && isKind(value) ? [{ value, count, label: kindNames[value], to: searchLink(query, { kind: value }) }] : [],
  );
  return (
    <aside aria-label="Narrow the search" className="flex flex-col gap-6">
      <FacetList title="Categories" entries={categories} />
      <FacetList title="Tags" entries={tags} />
      <FacetList title="Kinds" entries={kinds} />
    </aside>
  );
}

function isKind(value: string): value is fleetprompt.AssetKind {
  return Object.hasOwn(kindNames, value);
}

function FacetList({ title, entries }: { title: string; entries: readonly Entry[] }) {
  if (entries.length === 0) return null;
  return (
    <section aria-label={title}>
      <h2 className="mb-1 font-semibold">{title}</h2>
      <ul className="flex flex-col gap-0.5 max-lg:flex-row max-lg:flex-wrap max-lg:gap-x-4">
        {entries.slice(0, SHOWN).map(({ value, label, count, to }) => (
          <li key={value}>
            <Link to={to} className="flex items-baseline justify-between gap-2 rounded-md py-0.5 text-accent hover:underline">
              <span className="min-w-0">{label}</span>
              <span className="text-sm text-muted">
                <Amount value={count} />
              </span>
            </Link>
          </li>
        ))}
      </ul>
    </section>
  );
}
