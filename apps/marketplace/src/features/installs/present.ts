import type { fleetprompt } from "@whs/api";
import { statusAt } from "./state.ts";
import type { HandOff, IntentRow } from "./store.ts";

/** An intent as its buyer sees it. */
export function toInstallIntent(row: IntentRow, now: Date): fleetprompt.InstallIntent {
  return {
    installIntentId: row.id,
    buyerUserId: row.buyer_user_id,
    listingId: row.listing_id,
    releaseId: row.release_id,
    targetSystem: row.target_system,
    targetContext: row.target_context,
    status: statusAt(row, now),
    outcome: row.outcome,
    expiresAtMs: row.expires_at.getTime(),
    createdAtMs: row.created_at.getTime(),
    updatedAtMs: row.updated_at.getTime(),
  };
}

/** What a target system gets for a token. */
export function toRedemption(intent: IntentRow, found: HandOff): fleetprompt.Redemption {
  return {
    installIntent: {
      installIntentId: intent.id,
      buyerUserId: intent.buyer_user_id,
      listingId: intent.listing_id,
      releaseId: intent.release_id,
      targetSystem: intent.target_system,
      targetContext: intent.target_context,
      status: intent.status,
      expiresAtMs: intent.expires_at.getTime(),
      createdAtMs: intent.created_at.getTime(),
      updatedAtMs: intent.updated_at.getTime(),
    },
    buyer: { externalUserId: found.buyer_external_id },
    publisher: { externalUserId: found.publisher_external_id },
    listing: { listingId: found.listing_id, assetKind: found.asset_kind, name: found.name },
    release: {
      releaseId: found.release_id,
      version: found.version,
      refs: found.refs,
      compat: found.compat,
      artifacts: found.artifacts,
    },
  };
}
