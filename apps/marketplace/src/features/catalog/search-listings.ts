import type { AnswerOf, fleetprompt, QueryOf } from "@whs/api";
import { toPage } from "@whs/platform/http";
import { createHash } from "node:crypto";
import type { PublicContext } from "../../context.ts";
import type { FacetCache } from "./facet-cache.ts";
import { toPublicListing } from "./present.ts";
import { type Alike, fuzzyMode, mistypableOf, prefixMode, type SearchFilters, type SearchPosition, wordsOf } from "./search-terms.ts";
import { countFacets, type FacetRow, findAlike, type FoundRow, searchListings as findListings } from "./store.ts";

type Answer = AnswerOf<typeof fleetprompt.searchListings>;

/** Finds published listings. Words that nothing begins with are looked for as typing errors, on the pages that follow as on the first. */
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
  const mistypable = mistypableOf(words);
  const find = (mode: SearchFilters["mode"]) => findListings(context.db, { ...filters, mode }, { limit, after: from?.position });
  const respond = async (rows: readonly FoundRow[], mode: SearchFilters["mode"], alike: Alike | null): Promise<Answer> => {
    const counts = from === undefined ? await facets.get(asked, () => countFacets(context.db, { ...filters, mode })) : undefined;
    return answer(context, rows, { limit, list, alike }, counts);
  };

  if (from === undefined || from.alike === null) {
    const exactly = words.length === 0 ? undefined : prefixMode(q, words);
    const rows = await find(exactly);
    if (rows.length > 0 || from !== undefined || mistypable.length === 0) return respond(rows, exactly, null);
  }
  const alike = from?.alike ?? (await findAlike(context.db, mistypable));
  const loosely = fuzzyMode(words, alike);
  return respond(await find(loosely), loosely, alike);
}

function answer(
  context: PublicContext,
  rows: readonly FoundRow[],
  page: { limit: number; list: string; alike: Alike | null },
  counts: readonly FacetRow[] | undefined,
): Answer {
  const { items, nextCursor } = toPage(
    rows,
    page.limit,
    (row) => toPublicListing(context.config, row),
    (last) => context.cursors.encode(page.list, JSON.stringify([last.position, last.id, page.alike])),
  );
  if (counts === undefined) return { items, nextCursor };
  const of = (facet: FacetRow["facet"]) => counts.filter((row) => row.facet === facet).map(({ value, count }) => ({ value, count }));
  return { items, nextCursor, facets: { tags: of("tags"), categories: of("categories"), assetKinds: of("assetKinds") } };
}

/** Of a cursor that this service made, as its MAC says: with the words that the first page was found by, which orders all pages alike. */
function parsePosition(text: string): { position: SearchPosition; alike: Alike | null } {
  const [position, id, alike] = JSON.parse(text) as [string, string, Alike | null];
  return { position: [position, id], alike };
}
