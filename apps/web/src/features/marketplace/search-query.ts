/** What the search page looks for, from its URL and back into it. */
import { fleetprompt } from "@whs/api";

export interface SearchQuery {
  q: string;
  tags: readonly string[];
  categories: readonly string[];
  kind: fleetprompt.AssetKind | null;
  /** Null is the API's choice: best match with words, else recently updated. */
  sort: fleetprompt.SearchSort | null;
  cursor: string | null;
}

/** As the API bounds them. */
const LONGEST_QUESTION = 200;
const MOST = { tags: 20, categories: 10 } as const;

/** Whatever the URL says that means nothing is left out. */
export function readSearchQuery(search: URLSearchParams): SearchQuery {
  return {
    q: (search.get("q") ?? "").trim().slice(0, LONGEST_QUESTION),
    tags: wordsOf(search.getAll("tags"), MOST.tags),
    categories: wordsOf(search.getAll("categories"), MOST.categories),
    kind: fleetprompt.assetKind.safeParse(search.get("kind")).data ?? null,
    sort: fleetprompt.searchSort.safeParse(search.get("sort")).data ?? null,
    cursor: search.get("cursor"),
  };
}

/** In the form that the API's endpoint takes. */
export function toSearchInput({ q, tags, categories, kind, sort, cursor }: SearchQuery) {
  return {
    ...(q === "" ? {} : { q }),
    ...(tags.length === 0 ? {} : { tags: tags.join(",") }),
    ...(categories.length === 0 ? {} : { categories: categories.join(",") }),
    ...(kind === null ? {} : { assetKind: kind }),
    ...(sort === null ? {} : { sort }),
    ...(cursor === null || cursor === "" ? {} : { cursor }),
  };
}

function wordsOf(values: readonly string[], most: number): string[] {
  const words = values.flatMap((value) => value.split(",")).map((word) => word.trim().slice(0, 32));
  return [...new Set(words.filter((word) => word !== ""))].slice(0, most);
}
