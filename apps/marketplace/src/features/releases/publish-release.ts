import type { BodyOf, fleetprompt } from "@whs/api";
import { brokenConstraint, conflict } from "@whs/platform/errors";
import { newId } from "@whs/platform/ids";
import type { Context } from "../../context.ts";
import { requireRenderable } from "../../markdown/index.ts";
import { ownedByPublisher } from "../access/index.ts";
import { lockListing } from "../listings/index.ts";
import { toPublisherRelease } from "./present.ts";
import { checkArtifacts, checkRefs } from "./rules.ts";
import { insertRelease } from "./store.ts";
import { versionOrder } from "./version-order.ts";

type Body = BodyOf<typeof fleetprompt.publishRelease>;

/** Publishes a release, which never changes after that. @throws AppError `CONFLICT` for a version that there was */
export async function publishRelease(
  context: Context,
  input: { listingId: string; release: Body },
): Promise<{ release: fleetprompt.PublisherRelease }> {
  const { listingId, release } = input;
  const notes = release.notes?.markdown ?? "";
  requireRenderable("notes.markdown", notes);
  const id = newId("rel");
  const { order, isPrerelease } = versionOrder(release.version);
  try {
    return await context.write(
      { action: "release.published", target: id, metadata: { listingId, version: release.version } },
      async (transaction) => {
        const listing = ownedByPublisher(context.user, await lockListing(transaction, listingId), "Listing");
        const row = await insertRelease(transaction, {
          id,
          listing_id: listingId,
          publisher_user_id: context.user.id,
          version: release.version,
          version_order: order,
          is_prerelease: isPrerelease,
          compat: JSON.stringify(release.compat ?? {}),
          refs: JSON.stringify(checkRefs(listing.asset_kind, release.refs)),
          artifacts: JSON.stringify(checkArtifacts(listing.asset_kind, release.artifacts ?? [])),
          notes_markdown: notes,
          published_at: context.now(),
        });
        return { release: toPublisherRelease(row) };
      },
    );
  } catch (error) {
    if (brokenConstraint(error) === "releases_listing_id_version_key")
      throw conflict(`Version ${release.version} of this listing exists already; releases never change, publish another version.`);
    throw error;
  }
}
