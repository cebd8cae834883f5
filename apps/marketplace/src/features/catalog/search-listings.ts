import type { AnswerOf, fleetprompt, QueryOf } from "@whs/api";
import { toPage } from "@whs/platform/http";
import { createHash } from "node:crypto";
import type { PublicContext } from "../../context.ts";
import type { FacetCache } from "./facet-cache.ts";
import { toPublicListing } from "./present.ts";
import { fuzzyMode, prefixMode, type SearchFilters, type SearchPosition, wordsOf } from "./search-terms.ts";
import { countFacets, type FacetRow, type FoundRow, searchListings as findListings, withSimilarity } from "./store.ts";

type Answer = AnswerOf<typeof fleetprompt.searchListings>;

/** Similarity of words, 0 to 1, from which one may be meant by the other. */
const similarity = 0.45;

/**
 * Finds published listings. Words that nothing begins with are looked for as typing errors; the pages that follow a first
 * page go on in the same way.
 */
export async function searchListings(
  context: PublicContext,
  facets: FacetCache,
  input: QueryOf<typeof fleetprompt.searchListings>,
): Promise<Answer> {
  const { q = "", limit, cursor, tags = [], categories = [], assetKind } = input;
  const words = wordsOf(q);
  const sort = input.sort ?? (words.length > 0 ? "relevance" : "updated");
  const filters = { sort: words.length === 0 && sort === "relevance" ? ("updated" as const) : sort, tags, categories, assetKind };
  const asked = createHash("sha256")
    .update(JSON.stringify([words, filters]))
    .digest("base64url");
  const list = `search/${asked}`;
  const from = cursor === undefined ? undefined : parsePosition(context.cursors.decode(list, cursor));
  const exactly: SearchFilters = { ...filters, mode: words.length === 0 ? undefined : prefixMode(q, words) };
  const fuzzy = fuzzyMode(words);

  if (from?.mode !== "f") {
    const rows = await findListings(context.db, exactly, { limit, after: from?.position });
    if (rows.length > 0 || from !== undefined || fuzzy === undefined)
      return answer(
        context,
        rows,
        { limit, list, mode: "p" },
        from === undefined ? await facets.get(asked, () => countFacets(context.db, exactly)) : undefined,
      );
  }
  if (fuzzy === undefined) return { items: [], nextCursor: null };
  const loosely: SearchFilters = { ...filters, mode: fuzzy };
  return withSimilarity(context.db, similarity, async (transaction) => {
    const rows = await findListings(transaction, loosely, { limit, after: from?.position });
    const counts = from === undefined ? await facets.get(asked, () => countFacets(transaction, loosely)) : undefined;
    return answer(context, rows, { limit, list, mode: "f" }, counts);
  });
}

function answer(
  context: PublicContext,
  rows: readonly FoundRow[],
  page: { limit: number; list: string; mode: "p" | "f" },
  counts: readonly FacetRow[] | undefined,
): Answer {
  const { items, nextCursor } = toPage(
    rows,
    page.limit,
    (row) => toPublicListing(context.config, row),
    (last) => context.cursors.encode(page.list, JSON.stringify([page.mode, last.position, last.id])),
  );
  if (counts === undefined) return { items, nextCursor };
  const of = (facet: FacetRow["facet"]) => counts.filter((row) => row.facet === facet).map(({ value, count }) => ({ value, count }));
  return { items, nextCursor, facets: { tags: of("tags"), categories: of("categories"), assetKinds: of("assetKinds") } };
}

/** Of a cursor that this service made, as its MAC says. */
function parsePosition(text: string): { mode: string; position: SearchPosition } {
  const [mode, position, id] = JSON.parse(text) as [string, string, string];
  return { mode, position: [position, id] };
}
