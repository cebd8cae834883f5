import type { fleetprompt } from "@whs/api";
import { type Kysely, type RawBuilder, sql } from "kysely";
import type { ListingImage, Schema } from "../../database.ts";
import type { Alike, SearchFilters, SearchMode, SearchPosition } from "./search-terms.ts";

/** What the public sees of a listing: nothing of moderation is read at all. */
export interface CardRow {
  id: string;
  asset_kind: fleetprompt.AssetKind;
  status: "published";
  name: string;
  summary: string;
  tags: string[];
  categories: string[];
  images: ListingImage[];
  docs_url: string | null;
  repo_url: string | null;
  install_attempts_30d: number;
  downloads_30d: number;
  created_at: Date;
  updated_at: Date;
  publisher_id: string;
  display_name: string;
  verification_status: fleetprompt.VerificationStatus;
  verification_checked_at: Date | null;
  verification_reason: string | null;
}

const card = sql`
  l.id, l.asset_kind, l.status, l.name, l.summary, l.tags, l.categories, l.images, l.docs_url, l.repo_url, l.install_attempts_30d,
  l.downloads_30d, l.created_at, l.updated_at, p.id as publisher_id, p.display_name, p.verification_status,
  p.verification_checked_at, p.verification_reason`;

const none: RawBuilder<unknown> = sql`true`;

function and(conditions: readonly RawBuilder<unknown>[]): RawBuilder<unknown> {
  return conditions.length === 0 ? none : sql.join([...conditions], sql` and `);
}

/** The published listings that the filters mean. */
function matches({ mode, tags, categories, assetKind }: SearchFilters): RawBuilder<unknown> {
  const conditions = [sql`l.status = 'published'`];
  if (mode !== undefined) conditions.push(sql`l.search @@ to_tsquery('simple', ${mode.query})`);
  if (tags.length > 0) conditions.push(sql`l.tags @> ${[...tags]}::text[]`);
  if (categories.length > 0) conditions.push(sql`l.categories @> ${[...categories]}::text[]`);
  if (assetKind !== undefined) conditions.push(sql`l.asset_kind = ${assetKind}`);
  return and(conditions);
}

/** How well a listing fits the words, the same for the same listing whatever else there is. */
function relevance(mode: SearchMode | undefined): RawBuilder<unknown> {
  if (mode === undefined) return sql`0::float8`;
  const rank = sql`ts_rank(l.search, to_tsquery('simple', ${mode.query}), 1)`;
  return mode.kind === "fuzzy" ? sql`${rank}::float8` : sql`(${rank} + case when lower(l.name) = ${mode.phrase} then 1 else 0 end)::float8`;
}

interface Order {
  key: RawBuilder<unknown>;
  type: RawBuilder<unknown>;
  descending: boolean;
}

function orderOf({ sort, mode }: SearchFilters): Order {
  switch (sort) {
    case "relevance":
      return { key: relevance(mode), type: sql`float8`, descending: true };
    case "updated":
      return { key: sql`l.updated_at`, type: sql`timestamptz`, descending: true };
    case "installs":
      return { key: sql`l.downloads_30d`, type: sql`integer`, descending: true };
    case "name":
      return { key: sql`(lower(l.name) collate "C")`, type: sql`text`, descending: false };
  }
}

export interface FoundRow extends CardRow {
  /** The sort key, exactly. */
  position: string;
}

/** One page of what was found, the position after which it begins included in the sort order. */
export async function searchListings(
  db: Kysely<Schema>,
  filters: SearchFilters,
  page: { limit: number; after: SearchPosition | undefined },
): Promise<FoundRow[]> {
  const { key, type, descending } = orderOf(filters);
  const direction = descending ? sql`desc` : sql`asc`;
  const conditions = [matches(filters)];
  if (page.after !== undefined) {
    const [position, id] = page.after;
    const comparison = descending ? sql`<` : sql`>`;
    // The same collation on both sides; the planner then walks the index from there.
    conditions.push(sql`(${key}, l.id) ${comparison} (${position}::${type}${filters.sort === "name" ? sql` collate "C"` : sql``}, ${id})`);
  }
  const { rows } = await sql<FoundRow>`
    with page as (
      select l.id, ${key} as position from fleetprompt.listings l where ${and(conditions)}
      order by ${key} ${direction}, l.id ${direction} limit ${page.limit + 1})
    select ${card}, page.position::text as position
    from page join fleetprompt.listings l on l.id = page.id join fleetprompt.publisher_profiles p on p.id = l.publisher_id
    order by page.position ${direction}, l.id ${direction}`.execute(db);
  return rows;
}

/** Listings that are counted at the most for each facet. */
const countedListings = 10_000;
const facetValues = 30;

export interface FacetRow {
  facet: "tags" | "categories" | "assetKinds";
  value: string;
  count: number;
}

/** Of all that is published, the newest are counted, by the index that has them in order. */
function facetOrder({ mode, tags, categories }: SearchFilters): RawBuilder<unknown> {
  const everything = mode === undefined && tags.length === 0 && categories.length === 0;
  return everything ? sql`order by l.updated_at desc, l.id desc` : sql``;
}

export async function countFacets(db: Kysely<Schema>, filters: SearchFilters): Promise<FacetRow[]> {
  const { rows } = await sql<FacetRow>`
    with found as materialized (
      select l.tags, l.categories, l.asset_kind from fleetprompt.listings l where ${matches(filters)}
      ${facetOrder(filters)} limit ${countedListings}),
    counts as (
      select 'tags' as facet, value, count(*) from found, unnest(tags) as value group by value
      union all select 'categories', value, count(*) from found, unnest(categories) as value group by value
      union all select 'assetKinds', asset_kind, count(*) from found group by asset_kind),
    ranked as (select *, row_number() over (partition by facet order by count desc, value) as place from counts)
    select facet, value, count from ranked where place <= ${facetValues} order by facet, place`.execute(db);
  return rows;
}

/** Similarity of words, 0 to 1, from which one may be meant by the other. */
const leastSimilarity = 0.45;
/** As many of them for all words together, since a cursor carries them. */
const alikeWords = 12;
const alikeWordsEach = 6;

/** The words of published listings that these are most like. */
export async function findAlike(db: Kysely<Schema>, words: readonly string[]): Promise<Alike> {
  const each = Math.min(alikeWordsEach, Math.floor(alikeWords / words.length));
  const { rows } = await db
    .transaction()
    .setAccessMode("read only")
    .execute(async (transaction) => {
      await sql`select set_config('pg_trgm.word_similarity_threshold', ${String(leastSimilarity)}, true)`.execute(transaction);
      return sql<{ asked: string; alike: string[] }>`
        select asked, array(
          select word from fleetprompt.search_words where asked <% word order by word_similarity(asked, word) desc, word limit ${each}
        ) as alike from unnest(${[...words]}::text[]) as asked`.execute(transaction);
    });
  return Object.fromEntries(rows.map(({ asked, alike }) => [asked, alike]));
}

export interface DetailRow extends CardRow {
  description_markdown: string;
}

export async function findPublished(db: Kysely<Schema>, id: string): Promise<DetailRow | undefined> {
  const { rows } = await sql<DetailRow>`
    select ${card}, l.description_markdown from fleetprompt.listings l join fleetprompt.publisher_profiles p on p.id = l.publisher_id
    where l.id = ${id} and l.status = 'published'`.execute(db);
  return rows[0];
}

export async function listOfPublisher(
  db: Kysely<Schema>,
  publisherId: string,
  page: { limit: number; after: string | undefined },
): Promise<CardRow[]> {
  const before = page.after === undefined ? none : sql`l.id < ${page.after}`;
  const { rows } = await sql<CardRow>`
    select ${card} from fleetprompt.listings l join fleetprompt.publisher_profiles p on p.id = l.publisher_id
    where l.publisher_id = ${publisherId} and l.status = 'published' and ${before}
    order by l.id desc limit ${page.limit + 1}`.execute(db);
  return rows;
}
