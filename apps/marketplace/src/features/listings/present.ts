import type { fleetprompt } from "@whs/api";
import type { Config } from "../../config.ts";
import { imageUrl } from "./image-urls.ts";
import type { ListingRow } from "./store.ts";

/** A listing as its publisher sees it. */
export function toPublisherListing(config: Pick<Config, "publicUrl">, row: ListingRow): fleetprompt.PublisherListing {
  return {
    listingId: row.id,
    assetKind: row.asset_kind,
    status: row.status,
    name: row.name,
    summary: row.summary,
    description: { format: "markdown", markdown: row.description_markdown },
    tags: row.tags,
    categories: row.categories,
    images: row.images.map(({ sha256, alt }) => ({ url: imageUrl(config, sha256), alt })),
    links: {
      ...(row.docs_url === null ? {} : { docsUrl: row.docs_url }),
      ...(row.repo_url === null ? {} : { repoUrl: row.repo_url }),
    },
    moderation: { flagged: row.moderation_flagged, reason: row.moderation_reason },
    createdAtMs: row.created_at.getTime(),
    updatedAtMs: row.updated_at.getTime(),
  };
}
