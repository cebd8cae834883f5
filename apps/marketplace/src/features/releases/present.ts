import type { fleetprompt } from "@whs/api";
import { renderMarkdown } from "../../markdown/index.ts";
import type { ReleaseRow } from "./store.ts";

/** A release as its publisher sees it. */
export function toPublisherRelease(row: ReleaseRow): fleetprompt.PublisherRelease {
  return {
    releaseId: row.id,
    listingId: row.listing_id,
    version: row.version,
    status: row.status,
    compat: row.compat,
    refs: row.refs,
    artifacts: row.artifacts,
    notes: { format: "markdown", markdown: row.notes_markdown, html: renderMarkdown(row.notes_markdown) },
    publishedAtMs: row.published_at.getTime(),
    revoked: row.revoked_at === null ? null : { atMs: row.revoked_at.getTime(), reason: row.revoke_reason ?? "" },
  };
}
