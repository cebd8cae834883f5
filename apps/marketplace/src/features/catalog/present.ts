import type { fleetprompt } from "@whs/api";
import type { Config } from "../../config.ts";
import { renderMarkdown } from "../../markdown/index.ts";
import { imageUrl } from "../listings/index.ts";
import type { ReleaseRow } from "../releases/index.ts";
import type { CardRow } from "./store.ts";

/** Text with its HTML. */
export function toRendered(markdown: string): { format: "markdown"; markdown: string; html: string } {
  return { format: "markdown", markdown, html: renderMarkdown(markdown) };
}

export function toBadge(row: Pick<CardRow, "verification_status" | "verification_checked_at" | "verification_reason">) {
  return {
    status: row.verification_status,
    checkedAtMs: row.verification_checked_at?.getTime() ?? null,
    reason: row.verification_reason,
  };
}

/** A listing as anybody sees it. */
export function toPublicListing(config: Pick<Config, "publicUrl">, row: CardRow): fleetprompt.PublicListing {
  return {
    listingId: row.id,
    assetKind: row.asset_kind,
    status: row.status,
    name: row.name,
    summary: row.summary,
    tags: row.tags,
    categories: row.categories,
    publisher: { publisherId: row.publisher_id, displayName: row.display_name, verified: toBadge(row) },
    images: row.images.map(({ sha256, alt }) => ({ url: imageUrl(config, sha256), alt })),
    links: {
      ...(row.docs_url === null ? {} : { docsUrl: row.docs_url }),
      ...(row.repo_url === null ? {} : { repoUrl: row.repo_url }),
    },
    stats: { installAttempts30d: row.install_attempts_30d, downloads30d: row.downloads_30d },
    createdAtMs: row.created_at.getTime(),
    updatedAtMs: row.updated_at.getTime(),
  };
}

export function toSummary(row: ReleaseRow) {
  return { releaseId: row.id, version: row.version, status: row.status, publishedAtMs: row.published_at.getTime() };
}

/** A release as anybody sees it, while it is published. */
export function toPublicRelease(row: ReleaseRow): fleetprompt.PublicRelease {
  return {
    releaseId: row.id,
    listingId: row.listing_id,
    version: row.version,
    status: "published",
    compat: row.compat,
    refs: row.refs,
    artifacts: row.artifacts,
    notes: toRendered(row.notes_markdown),
    publishedAtMs: row.published_at.getTime(),
  };
}
