import type { fleetprompt } from "@whs/api";
import type { ProfileRow } from "./store.ts";

/** A profile as its owner sees it. */
export function toProfile(row: ProfileRow, approved: boolean): fleetprompt.PublisherProfile {
  return {
    publisherId: row.id,
    displayName: row.display_name,
    bioMarkdown: row.bio_markdown,
    verified: {
      status: row.verification_status,
      checkedAtMs: row.verification_checked_at?.getTime() ?? null,
      reason: row.verification_reason,
    },
    approved,
    createdAtMs: row.created_at.getTime(),
    updatedAtMs: row.updated_at.getTime(),
  };
}
