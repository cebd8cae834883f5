import { type Kysely, sql } from "kysely";
import type { Schema } from "../../database.ts";

export interface McpRow {
  id: string;
  name: string;
  summary: string;
  docs_url: string | null;
  repo_url: string | null;
  created_at: Date;
  updated_at: Date;
  release_id: string;
  version: string;
  published_at: Date;
}

/** The tag by which a publisher says that a listing speaks MCP. */
const mcpTag = "mcp";

/** Published listings that expose MCP, each with its newest release. */
export async function listMcpListings(
  db: Kysely<Schema>,
  page: { limit: number; after: string | undefined; search: string | undefined; updatedSince: Date | undefined },
): Promise<McpRow[]> {
  const before = page.after === undefined ? sql`true` : sql`l.id < ${page.after}`;
  // Escaped, so that what is sent is looked for as it is.
  const pattern = page.search === undefined ? undefined : `%${page.search.toLowerCase().replaceAll(/[\\%_]/g, String.raw`\$&`)}%`;
  const named = pattern === undefined ? sql`true` : sql`(lower(l.name) like ${pattern} or l.id like ${pattern})`;
  const changed = page.updatedSince === undefined ? sql`true` : sql`l.updated_at >= ${page.updatedSince}`;
  const { rows } = await sql<McpRow>`
    select l.id, l.name, l.summary, l.docs_url, l.repo_url, l.created_at, l.updated_at, r.id as release_id, r.version, r.published_at
    from fleetprompt.listings l
    cross join lateral (
      select r.id, r.version, r.published_at from fleetprompt.releases r where r.listing_id = l.id and r.status = 'published'
      order by r.is_prerelease, r.version_order desc limit 1) r
    where l.status = 'published' and l.tags @> array[${mcpTag}]::text[] and ${before} and ${named} and ${changed}
    order by l.id desc limit ${page.limit + 1}`.execute(db);
  return rows;
}

/** The newest published listings, for those who crawl. */
export async function listNewest(
  db: Kysely<Schema>,
  limit: number,
): Promise<{ id: string; name: string; summary: string; updated_at: Date }[]> {
  return db
    .selectFrom("fleetprompt.listings")
    .select(["id", "name", "summary", "updated_at"])
    .where("status", "=", "published")
    .orderBy("updated_at", "desc")
    .orderBy("id", "desc")
    .limit(limit)
    .execute();
}
