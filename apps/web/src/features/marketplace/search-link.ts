import { paths } from "../../paths.ts";
import type { SearchQuery } from "./search-query.ts";

/** What was looked for, as parameters of the page's URL; those that say nothing are left out. */
export function searchParametersOf({ q, tags, categories, kind, sort }: SearchQuery): Record<string, string> {
  const all = { q, tags: tags.join(","), categories: categories.join(","), kind: kind ?? "", sort: sort ?? "" };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== ""));
}

/** The first page of the same search with something changed. */
export function searchLink(query: SearchQuery, change: Partial<SearchQuery>): string {
  return paths.marketplaceSearch(searchParametersOf({ ...query, ...change }));
}
