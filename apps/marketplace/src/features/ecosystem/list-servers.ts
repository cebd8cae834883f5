import { fleetprompt, queryNumber } from "@whs/api";
import { toPage } from "@whs/platform/http";
import { z } from "zod";
import type { Dependencies } from "../../context.ts";
import { listMcpListings, type McpRow } from "./store.ts";

/** What the MCP Registry's API (v0.1) takes; cursors and pages as everywhere here. */
export const serversQuery = fleetprompt.pageQuery.extend({
  limit: queryNumber(z.number("must be a whole number from 1 to 100").int().min(1).max(100), 30),
  search: z.string().max(200).optional(),
  updated_since: z.iso.datetime({ offset: true }).optional(),
  // Each listing has its newest release here, which is what asking for the latest means.
  version: z.literal("latest").optional(),
  include_deleted: z.enum(["true", "false"]).optional(),
});

const schemaUrl = "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json";
const maxDescription = 100;
const maxTitle = 100;

/** Listings that expose MCP in the shape of the MCP Registry's `ServerList`. */
export async function listServers(dependencies: Dependencies, query: z.output<typeof serversQuery>): Promise<object> {
  const { db, cursors, config } = dependencies;
  const list = `mcp/${query.search ?? ""}/${query.updated_since ?? ""}`;
  const after = query.cursor === undefined ? undefined : cursors.decode(list, query.cursor);
  const updatedSince = query.updated_since === undefined ? undefined : new Date(query.updated_since);
  const rows = await listMcpListings(db, { limit: query.limit, after, search: query.search, updatedSince });
  const { items, nextCursor } = toPage(
    rows,
    query.limit,
    (row) => toServer(config, row),
    (last) => cursors.encode(list, last.id),
  );
  return { servers: items, metadata: { count: items.length, ...(nextCursor === null ? {} : { nextCursor }) } };
}

function toServer(config: Dependencies["config"], row: McpRow): object {
  const website = row.docs_url ?? listingPage(config, row.id);
  return {
    server: {
      $schema: schemaUrl,
      name: `com.fleetprompt/${row.id}`,
      title: row.name.slice(0, maxTitle),
      description: (row.summary === "" ? row.name : row.summary).slice(0, maxDescription),
      version: row.version,
      ...(website === undefined ? {} : { websiteUrl: website }),
      ...(row.repo_url === null ? {} : { repository: { url: row.repo_url, source: sourceOf(row.repo_url) } }),
    },
    _meta: {
      "io.modelcontextprotocol.registry/official": {
        status: "active",
        publishedAt: row.published_at.toISOString(),
        updatedAt: row.updated_at.toISOString(),
        isLatest: true,
      },
      "com.fleetprompt/listing": { listingId: row.id, releaseId: row.release_id },
    },
  };
}

function sourceOf(repoUrl: string): string {
  const { hostname } = new URL(repoUrl);
  return ["github.com", "gitlab.com"].includes(hostname) ? hostname.slice(0, -".com".length) : hostname;
}

/** Where people see a listing, where this installation has pages. */
export function listingPage({ webUrl }: Pick<Dependencies["config"], "webUrl">, listingId: string): string | undefined {
  return webUrl === undefined ? undefined : `${webUrl}/marketplace/listings/${listingId}`;
}
