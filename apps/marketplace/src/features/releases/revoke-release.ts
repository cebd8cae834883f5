import { conflict } from "@whs/platform/errors";
import type { Context } from "../../context.ts";
import { ownedByPublisher } from "../access/index.ts";
import { lockListing } from "../listings/index.ts";
import { findRelease, revokeRelease as writeRevocation } from "./store.ts";

/** Withdraws a release for good. Its listing stays as it is. */
export async function revokeRelease(context: Context, input: { releaseId: string; reason: string }): Promise<{ ok: true }> {
  const { releaseId, reason } = input;
  return context.write({ action: "release.revoked", target: releaseId, metadata: { reason } }, async (transaction) => {
    const release = ownedByPublisher(context.user, await findRelease(transaction, releaseId), "Release");
    // Whoever publishes the listing at this moment waits, and sees what is left.
    await lockListing(transaction, release.listing_id);
    if (!(await writeRevocation(transaction, releaseId, reason, context.now()))) throw conflict("This release is revoked already.");
    return { ok: true };
  });
}
